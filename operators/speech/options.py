"""What can be said of how speech becomes words."""

from dataclasses import dataclass

from operators.errors import ConfigError
from operators.media import SOUND_RATE_HZ
from operators.speech.recognition import LONGEST_PROMPT


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """All times are media time."""

    language: str = ""
    """BCP 47; empty: heard anew in each pack, and in a pack between its pauses; live, in each utterance."""
    prompt: str = ""
    """Names and rare words that may be said, with commas between them: recognisers that heed it write them right."""
    threshold: float = 0.4
    """Voice probability at which a stretch of speech begins; 0.3 finds whispers."""
    end_threshold: float = 0.25
    """It ends where the probability stays under this."""
    min_silence_ms: int = 500
    min_speech_ms: int = 200
    floor_dbfs: float = -65.0
    """Speech under this RMS level is not written down."""
    margin_ms: int = 1000
    """Words that a recogniser hears further than this from any speech that the gate heard are not said."""
    overhang_ms: int = 200
    """What of a word reaches out of the speech that the gate heard is taken off, up to this much."""
    pause_ms: int = 3000
    """Longer pauses are shortened to this in what the recogniser is given: it hears better with the sound around speech."""
    pack_s: float = 28.9
    """Sound that the recogniser is given at once; what one more block of the gate adds must fit into its 30 s."""
    pack_span_s: float = 60.0
    """How long the first words of a pack wait for others to fill it."""
    step_s: float = 0.0
    """0: in packs. Else word by word: what is being said is heard again each time so much has been added to it."""
    buffer_s: float = 12.0
    """Of what is heard again; it is cut at the end of a sentence, or here after the last word that is certain."""
    segment_s: float = 4.0
    """Words that are certain are told as a transcript at the end of a sentence, or once they last this long."""

    def __post_init__(self) -> None:
        if not 0 < self.end_threshold <= self.threshold < 1:
            raise ConfigError(f"0 < end_threshold <= threshold < 1 does not hold for {self.end_threshold} and {self.threshold}")
        if len(self.prompt) > LONGEST_PROMPT:
            raise ConfigError(f"prompt has {len(self.prompt)} characters: at most {LONGEST_PROMPT} are heeded; name only rare words")
        if not 2 <= self.pack_s <= 28.9:
            raise ConfigError(f"pack_s is {self.pack_s}: it may be 2 to 28.9, for the recogniser hears 30 s at once")
        if self.step_s and not 0.3 <= self.step_s <= 5:
            raise ConfigError(f"step_s is {self.step_s}: it may be 0 (in packs) or 0.3 to 5")
        if not 5 <= self.buffer_s <= 20:
            raise ConfigError(f"buffer_s is {self.buffer_s}: it may be 5 to 20, for the recogniser hears 30 s at once")


USUAL = SpeechOptions()


def samples(seconds: float) -> int:
    return round(seconds * SOUND_RATE_HZ)
