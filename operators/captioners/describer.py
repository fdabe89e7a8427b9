"""Moments to captions of kind description: one a shot, in the words of a captioner model."""

from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from typing import Any

from operators.captioners.scene import Description, Scene
from operators.errors import ModelError
from operators.facts import Moment
from operators.moments import ORIGINS, MomentJoiner
from operators.protocols import Ask, FactsNeed, Item, Output, State, Stills
from operators.records import Caption, Evidence


@dataclass(frozen=True, slots=True)
class DescriberOptions:
    shortest_s: float = 1.0
    """A shot shorter than this is told together with the next."""
    patience_s: float = 30.0
    """Seconds of media after a shot in which a sound that is still going on is waited for."""
    stills: int = 3
    """Most pictures of a moment that the captioner is shown and the caption names as its evidence."""


class Describer:
    """A StreamOperator: entries of both lanes -> Caption records. Asks "captioner" with a `Scene` for each Moment."""

    Options = DescriberOptions
    origin = "narrate.captions"
    need = FactsNeed(ORIGINS)
    models: tuple[str, ...] = ("captioner",)

    def __init__(self, options: DescriberOptions, stills: Stills) -> None:
        self._most = options.stills
        self._stills = stills
        self._joiner = MomentJoiner(Fraction(str(options.shortest_s)), Fraction(str(options.patience_s)))
        self._next = 0

    def push(self, item: Item) -> list[Output | Ask]:
        return self._ask(self._joiner.push(item))

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        if isinstance(result, ModelError) or not result.text:
            return []
        return [describe_scene(ask.item, result, ask.tag)]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return self._ask(self._joiner.finish(at))

    def hold(self) -> Fraction | None:
        return self._joiner.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, {"next": self._next, "moments": self._joiner.snapshot()}

    def restore(self, state: State) -> None:
        self._next = state["next"]
        self._joiner.restore(state["moments"])

    def refill(self, item: Item) -> None:
        raise AssertionError("facts are kept in the state: nothing is given again")

    def _ask(self, moments: list[Moment]) -> list[Output | Ask]:
        asks: list[Output | Ask] = []
        for moment in moments:
            instants = _spread([at for shot in moment.shots for at in shot.stills], self._most)
            scene = Scene(moment, tuple(self._stills(instants)) if instants else ())
            asks.append(Ask("captioner", scene, tag=f"{self.origin}-{self._next}"))
            self._next += 1
        return asks


def _spread(instants: list[Fraction], most: int) -> list[Fraction]:
    """At most `most` of them, evenly: the middle one where only one may be."""
    if len(instants) <= most:
        return instants
    return [instants[(2 * n + 1) * len(instants) // (2 * most)] for n in range(most)]


def describe_scene(scene: Scene, said: Description, cue_id: str) -> Caption:
    """What was said of a scene as a record, with its evidence."""
    moment = scene.moment
    stills = [Evidence("still", s.at, s.uri, sha256(s.jpeg).hexdigest()) for s in scene.stills]
    texts = [Evidence("text", max(t.start, moment.start)) for t in moment.seen]
    return Caption(
        moment.start,
        moment.end,
        kind="description",
        text=said.text,
        lines=(said.text,),
        language=said.language,
        confidence=said.confidence,
        cue_id=cue_id,
        evidence=(*stills, *texts),
    )
