"""What is heard, but not said, as labels for people who can not hear it: [siren], ♪ music ♪."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from operators.facts import Sound
from operators.records import Event
from operators.sentences import primary
from operators.timeline import exact

RECENT = Fraction(3)
"""A label is shown from no earlier than so many seconds before its sound is known."""
AGAIN = Fraction(10)
"""A sound that was away for less is the same still."""
SHORTEST_MUSIC = Fraction(3)
LOUD_DBFS = -40.0
LEAST_SCORE = 0.5
"""Of a sound model's tag."""
WRITTEN = {
    "en": {"siren": "[siren]", "impulse": "[loud noise]", "music": "♪ music ♪", "silence": "[silence]"},
    "de": {"siren": "[Sirene]", "impulse": "[lauter Knall]", "music": "♪ Musik ♪", "silence": "[Stille]"},
    "fr": {"siren": "[sirène]", "impulse": "[bruit fort]", "music": "♪ musique ♪", "silence": "[silence]"},
    "es": {"siren": "[sirena]", "impulse": "[ruido fuerte]", "music": "♪ música ♪", "silence": "[silencio]"},
}
"""In the language of what is said around them."""
LABELLED = "en"
"""The language of labels where the other is not known: what a sound model calls its tags in."""
EVENTS = ("siren", "impulse")
UNSAID = ("speech", "conversation", "narration", "silence", "inside", "outside", "music", "singing")
"""Tags that begin so are told by the words, by the kind of sound, or not at all."""


@dataclass(frozen=True, slots=True)
class Label:
    start: Fraction
    name: str
    """Of `WRITTEN`, or what is shown in brackets."""
    confidence: float

    def text(self, language: str) -> str:
        own = WRITTEN.get(primary(language), {})
        return own.get(self.name) or WRITTEN[LABELLED].get(self.name, self.name)


class SoundLabels:
    """Sound facts and events of `listen` to labels, each when its sound begins."""

    def __init__(self) -> None:
        self._lasts: dict[str, Fraction] = {}
        """By name, until when its sound was heard."""
        self._noisy_until = Fraction(-1)
        """Until when something loud that is no speech was heard."""

    def hear(self, value: Sound | Event) -> list[Label]:
        """Labels of what begins; `value` is known from its end on."""
        if isinstance(value, Sound):
            return self._sound(value)
        quiet = value.label == "silence" and value.lifecycle == "start" and value.start - self._noisy_until <= 1
        return self._begin(value.label, value, value.score) if quiet or value.label in EVENTS else []

    def snapshot(self) -> dict[str, Any]:
        return {"lasts": {name: exact(end) for name, end in self._lasts.items()}, "noisy_until": exact(self._noisy_until)}

    def restore(self, state: dict[str, Any]) -> None:
        self._lasts = {name: Fraction(end) for name, end in state["lasts"].items()}
        self._noisy_until = Fraction(state["noisy_until"])

    def _sound(self, sound: Sound) -> list[Label]:
        if sound.kind in ("noise", "music_like", "siren_like", "tonal") and sound.level_dbfs >= LOUD_DBFS:
            self._noisy_until = max(self._noisy_until, sound.end)
        labels = []
        if sound.kind == "music_like" and sound.end - sound.start >= SHORTEST_MUSIC:
            labels += self._begin("music", sound, LEAST_SCORE)
        for tag, score in zip(sound.tags[:1], sound.scores[:1], strict=True):
            if score >= LEAST_SCORE and not tag.lower().startswith(UNSAID):
                labels += self._begin(f"[{tag.lower()}]", sound, score)
        return labels

    def _begin(self, name: str, value: Sound | Event, confidence: float) -> list[Label]:
        goes_on = name in self._lasts and value.start - self._lasts[name] < AGAIN
        self._lasts = {n: end for n, end in self._lasts.items() if value.end - end < AGAIN} | {name: value.end}
        return [] if goes_on else [Label(max(value.start, value.end - RECENT), name, confidence)]


def label_to_json(label: Label) -> dict[str, Any]:
    return asdict(label) | {"start": exact(label.start)}


def label_from_json(data: dict[str, Any]) -> Label:
    return Label(Fraction(data["start"]), data["name"], data["confidence"])
