"""Moments to captions by the fusion model: it is given the features of the lanes and the words, and writes what they say together."""

import itertools
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from operators.captioners.describer import describe_scene, said_again
from operators.captioners.scene import Description, Scene
from operators.errors import ConfigError, ModelError
from operators.facts import Moment
from operators.facts_json import record_from_json, record_to_json
from operators.moments import ORIGINS, MomentJoiner
from operators.protocols import Ask, FactsNeed, Item, Need, Output, State
from operators.records import Caption
from operators.timeline import Span, exact
from operators.windows import Kept, RowKind, Window


@dataclass(frozen=True, slots=True)
class FusedDescriberOptions:
    shortest_s: float = 1.0
    """A shot shorter than this is told together with the next."""
    patience_s: float = 30.0
    """Seconds of media after a shot in which a sound that is still going on is waited for."""
    longest_s: float = 10.0
    """A longer moment is told in parts of equal length."""
    before_s: float = 2.0
    """What came before a part is shown to the model too, for so long."""
    least_confidence: float = 0.9
    """A sentence of which the model is less sure is not said."""
    stills: int = 3
    """Most pictures that a caption names as its evidence."""
    frames_rate: int = 4
    frames_width: int = 128
    sound_rate: int = 5
    sound_width: int = 128
    """Of the rows that the lanes keep: how many a second, and how many numbers each."""

    def __post_init__(self) -> None:
        if self.longest_s <= 0 or self.before_s < 0 or self.longest_s + self.before_s > 12:
            raise ConfigError(f"the fusion model sees up to 12 s at once, not longest_s={self.longest_s} after before_s={self.before_s}")


class FusedDescriber:
    """A StreamOperator: entries of both lanes -> Caption records. Asks "fusion" with a `Window` for each Moment, or part of a long one, one
    after another. Where it says the same again of a part that adjoins, the caption is revised (its `cue_id` again, the next `revision`, a
    later end) instead of repeated.
    """

    Options = FusedDescriberOptions
    origin = "narrate.fused_captions"
    need: Need = FactsNeed(ORIGINS)
    models: tuple[str, ...] = ("fusion",)

    def __init__(self, options: FusedDescriberOptions, kept: Kept) -> None:
        self._options, self._kept = options, kept
        self._joiner = MomentJoiner(Fraction(str(options.shortest_s)), Fraction(str(options.patience_s)))
        self._frames = RowKind("look.features", options.frames_rate, options.frames_width)
        self._sound = RowKind("listen.features", options.sound_rate, options.sound_width)
        self._next = 0
        self._told = Fraction(0)
        """Up to here moments were asked about: a part of one that comes later does not end before."""
        self._caption: Caption | None = None
        """The latest."""
        self._waiting: deque[tuple[Moment, Span]] = deque()
        """Parts behind one that was asked about: never over a snapshot, for nothing is pushed meanwhile."""

    def push(self, item: Item) -> list[Output | Ask]:
        return self._ask(self._joiner.push(item))

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        said: list[Output | Ask] = []
        sure = [] if isinstance(result, ModelError) else [s for s in result.sentences if s.confidence >= self._options.least_confidence]
        if sure:
            description = Description(" ".join(s.text for s in sure), min(s.confidence for s in sure))
            self._caption = self._tell(ask.tag, description)
            said.append(self._caption)
        return [*said, *self._go_on()]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return self._ask(self._joiner.finish(at))

    def hold(self) -> Fraction | None:
        waiting = self._joiner.hold()
        return self._told if waiting is None else min(self._told, waiting)

    def snapshot(self) -> tuple[Fraction | None, State]:
        caption = self._caption and record_to_json(self._caption)
        return None, {"next": self._next, "told": exact(self._told), "caption": caption, "moments": self._joiner.snapshot()}

    def restore(self, state: State) -> None:
        self._next, self._told = state["next"], Fraction(state["told"])
        if state["caption"]:
            caption = record_from_json(state["caption"])
            assert isinstance(caption, Caption)
            self._caption = caption
        self._joiner.restore(state["moments"])

    def refill(self, item: Item) -> None:
        raise AssertionError("facts are kept in the state: nothing is given again")

    def _ask(self, moments: list[Moment]) -> list[Output | Ask]:
        longest = Fraction(str(self._options.longest_s))
        self._waiting += [(moment, part) for moment in moments for part in parts(moment.span, longest)]
        return self._go_on()

    def _go_on(self) -> list[Output | Ask]:
        if not self._waiting:
            return []
        moment, part = self._waiting.popleft()
        self._told = part.end
        scene = Scene(_within(moment, part), tuple(self._kept(self._instants(moment, part))))
        return [Ask("fusion", self._window(moment, part), tag=scene, blocking=True)]

    def _tell(self, scene: Scene, said: Description) -> Caption:
        if again := said_again(self._caption, scene, said):
            return again
        self._next += 1
        return describe_scene(scene, said, f"{self.origin}-{self._next - 1}")

    def _window(self, moment: Moment, part: Span) -> Window:
        shown = Span(max(Fraction(0), part.start - Fraction(str(self._options.before_s))), part.end)
        frames, sound = (tuple(self._kept.rows(kind, shown)) for kind in (self._frames, self._sound))
        told = _within(moment, shown)
        return Window(shown, part, frames, sound, told.words, told.seen)

    def _instants(self, moment: Moment, part: Span) -> list[Fraction]:
        inside = [at for shot in moment.shots for at in shot.stills if at in part]
        return inside[:: max(1, -(-len(inside) // self._options.stills))]


def parts(span: Span, longest: Fraction) -> list[Span]:
    """A stretch in as few parts of equal length as are none longer than `longest`."""
    count = max(1, -int(-span.duration // longest))
    borders = [span.start + span.duration * n / count for n in range(count + 1)]
    return [Span(a, b) for a, b in itertools.pairwise(borders)]


def _within(moment: Moment, part: Span) -> Moment:
    """What of a moment belongs to a part of it."""
    if part == moment.span:
        return moment
    words = tuple(w for w in moment.words if (w.start + w.end) / 2 in part)
    seen = tuple(t for t in moment.seen if part.overlap(Span(t.start, t.end)) > 0 or t.start in part)
    return Moment(part, moment.shots, words, moment.speech, seen, moment.sounds)
