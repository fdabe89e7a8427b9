"""The language of subtitles that do not say it: by the name of their file, or by their script."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from operators.sentences import primary
from operators.subtitles.formats.cue import Cue

LANGUAGES = {
    "ar": "ara", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa", "fi": "fin", "fr": "fra", "he": "heb",
    "hi": "hin", "hu": "hun", "it": "ita", "ja": "jpn", "ko": "kor", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron",
    "ru": "rus", "sv": "swe", "th": "tha", "tr": "tur", "uk": "ukr", "vi": "vie", "yue": "zho", "zh": "zho",
}  # fmt: skip
"""BCP 47 to ISO 639-2."""
SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "ARABIC": "ar", "HEBREW": "he", "GREEK": "el", "THAI": "th",
    "DEVANAGARI": "hi",
}  # fmt: skip
"""Those that nearly always mean one language; others, as Latin and Cyrillic, mean many."""
MANY = 0.3
"""Japanese also writes with Chinese characters: so large a share of a script tells of its language."""


def named_in(file: Path) -> str | None:
    """Of `film.de.vtt`, de; of `film.pt-BR.srt`, pt-BR."""
    suffix = file.with_suffix("").suffix[1:]
    return suffix if primary(suffix) in LANGUAGES else None


def written_in(cues: Iterable[Cue]) -> str | None:
    """By the script of its letters; None where that tells nothing."""
    letters = [c for cue in cues for line in cue.lines for c in line if c.isalpha()]
    found = Counter(SCRIPTS.get(unicodedata.name(c, "").split(" ")[0].split("-")[0], "") for c in letters)
    if found["ja"] and found["ja"] + found["zh"] >= MANY * len(letters):
        return "ja"
    return next((language for language, count in found.most_common() if language and count >= MANY * len(letters)), None)
