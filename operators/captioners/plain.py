"""Plain true sentences, made only from what the detectors measured over a moment. No weights, nothing guessed."""

from collections.abc import Sequence
from dataclasses import dataclass

from operators.captioners.phrases import sentence
from operators.captioners.picture_words import READABLE, picture, reading
from operators.captioners.scene import Description, Scene
from operators.captioners.sound_words import SURE, sounds, voices
from operators.facts import Moment


@dataclass(frozen=True, slots=True)
class PlainOptions:
    pass


class PlainCaptioner:
    """A BatchOperator: Scene -> Description. It looks at no pictures: what it tells was measured by `look` and `listen`."""

    Options = PlainOptions

    def __init__(self, options: PlainOptions = PlainOptions()) -> None:
        self.options = options

    def open(self, device: str, threads: int) -> None:
        """Nothing to load."""

    def __call__(self, items: Sequence[Scene]) -> list[Description]:
        return [Description(describe(s.moment), _confidence(s.moment)) for s in items]

    def close(self) -> None:
        """Nothing to free."""


def describe(moment: Moment) -> str:
    """A moment in English: A dark picture in blue and black; the view pans left. The screen reads "SINTEL". Someone speaks throughout.

    Picture and movement, then text on the screen, then voices and sound, at most a sentence each. Empty where nothing is known.
    """
    heard = ", ".join(filter(None, [voices(moment), sounds(moment)]))
    parts = [picture(moment.shots) if moment.shots else "", reading(moment.seen), heard]
    return " ".join(sentence(p) for p in parts if p)


def _confidence(moment: Moment) -> float:
    """Of the least certain finding that is told; 1 where everything was measured."""
    told = [t.confidence for t in moment.seen if t.confidence >= READABLE]
    told += [s.score for s in moment.speech]
    told += [s.scores[0] for s in moment.sounds if s.tags and s.scores[0] >= SURE]
    return min(told, default=1.0)
