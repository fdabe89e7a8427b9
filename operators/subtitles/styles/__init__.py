"""Delivery styles: the rules that subtitles are made and checked by, as data. One TOML file beside this module is one style."""

import tomllib
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.resources import files
from typing import Any

from operators.errors import ConfigError
from operators.sentences import primary

NAMES = ("netflix", "bbc", "ebu", "web", "live")
SPEAKERS = ("none", "dashes", "arrows", "names", "colours")
"""dashes: before the lines of a cue in which two speak; arrows, names: ">>" or the name, where another one begins; colours: of the text."""
RATES = Fraction(24000, 1001), Fraction(60)
"""The slowest and fastest pictures a second that gaps of frames are believed of where it is not said how many there are."""
WORD = 6
"""Columns of a mean word and the space behind it: how words are counted in languages that are written without spaces."""


@dataclass(frozen=True, slots=True)
class LanguageRules:
    """What a style has otherwise in one language."""

    line_characters: int | None = None
    characters_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """A style in one language; times in seconds. Widths are columns: a wide character (Chinese, Japanese, Korean) is two."""

    lines: int
    line: int
    characters_per_s: Fraction
    word_s: Fraction
    """Least time a word; 0 where only characters count."""
    shortest: Fraction
    longest: Fraction
    gap: Fraction
    gaps: tuple[Fraction, Fraction]
    """The least and the most that passes for it: the same where the frames that it is counted in are known."""
    closed: Fraction
    pause: Fraction
    after: Fraction
    snap: Fraction

    def reading(self, width: int, words: Fraction) -> Fraction:
        """Least time that so many columns and words take to read."""
        return max(width / self.characters_per_s, words * self.word_s)


@dataclass(frozen=True, slots=True)
class Style:
    """The rules of a delivery. A Chinese, Japanese or Korean character counts as two."""

    style: str
    """Its name."""
    lines: int
    line_characters: int
    characters_per_s: float
    words_per_min: float
    """0: only characters count."""
    shortest_s: float
    longest_s: float
    gap_s: float
    """Least time between two cues."""
    gap_frames: int
    """The same in pictures, which is what counts where their rate is known; 0: only `gap_s` does."""
    closed_s: float
    """A gap shorter than this is closed to `gap_s`."""
    pause_s: float
    """A pause this long ends a cue."""
    after_s: float
    """No cue stays longer after its last word, but for `shortest_s` and to close a gap."""
    snap_s: float
    """A cue that begins or ends so near to a cut of the picture is moved onto it; 0: cuts are not looked at."""
    sound: bool
    """Whether sounds are described."""
    speakers: str = "none"
    """How it is shown who speaks, where that is known: one of `SPEAKERS`."""
    at_once: bool = False
    """Each transcript is cut by itself as soon as it is there; else a cue waits until nothing that follows can change it."""
    frames_per_s: float = 0.0
    """Of the pictures that the cues are shown over; 0: not known."""
    languages: dict[str, LanguageRules] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.speakers not in SPEAKERS:
            raise ConfigError(f"speakers is one of {', '.join(SPEAKERS)}, not {self.speakers!r}")
        if not 0 <= self.gap_s < self.closed_s < self.pause_s:
            raise ConfigError(f"0 <= gap_s < closed_s < pause_s does not hold for {self.gap_s}, {self.closed_s} and {self.pause_s}")
        if not 0 <= self.after_s <= self.pause_s:
            raise ConfigError(f"0 <= after_s <= pause_s does not hold for {self.after_s} and {self.pause_s}")
        if not 0 < self.shortest_s < self.longest_s:
            raise ConfigError(f"0 < shortest_s < longest_s does not hold for {self.shortest_s} and {self.longest_s}")
        if not 1 <= self.lines <= 4 or self.characters_per_s <= 0 or self.words_per_min < 0 or not 0 <= self.snap_s <= 1:
            raise ConfigError("lines is 1 to 4, characters_per_s above 0, words_per_min 0 or more, snap_s 0 to 1")
        if self.gap_frames < 0 or self.frames_per_s < 0:
            raise ConfigError("gap_frames and frames_per_s are 0 or more")
        if any((lines or 2) < 2 for lines in (self.line_characters, *(o.line_characters for o in self.languages.values()))):
            raise ConfigError("line_characters is 2 or more: a wide character takes two")

    def rules(self, language: str) -> Rules:
        """`language`: BCP 47; of which a style knows nothing is done as in English."""
        own = self.languages.get(primary(language), LanguageRules())
        gaps = self._gaps()
        return Rules(
            self.lines,
            own.line_characters or self.line_characters,
            _near(own.characters_per_s or self.characters_per_s),
            60 / _near(self.words_per_min) if self.words_per_min else Fraction(0),
            _near(self.shortest_s),
            _near(self.longest_s),
            gaps[1] if gaps[0] == gaps[1] else _near(self.gap_s),
            gaps,
            _near(self.closed_s),
            _near(self.pause_s),
            _near(self.after_s),
            _near(self.snap_s),
        )

    def _gaps(self) -> tuple[Fraction, Fraction]:
        if not self.gap_frames:
            return _near(self.gap_s), _near(self.gap_s)
        rates = (_near(self.frames_per_s),) * 2 if self.frames_per_s and self.gap_frames / self.frames_per_s < self.closed_s else RATES
        return _near(self.gap_frames / rates[1]), _near(self.gap_frames / rates[0])


def shipped(name: str) -> dict[str, Any]:
    """The table of a style of `NAMES`, as its file has it."""
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def style(name: str, **changes: Any) -> Style:
    """One of the shipped styles, with some of its rules changed."""
    table = shipped(name) | changes
    return Style(**table | {"languages": {key: LanguageRules(**own) for key, own in table.get("languages", {}).items()}})


def _near(seconds: float | Fraction) -> Fraction:
    return Fraction(seconds).limit_denominator(1000)
