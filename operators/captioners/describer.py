"""Moments to captions of kind description: one a shot, in the words of a captioner model."""

from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from typing import Any

import numpy as np

from operators.captioners.novelty import CELLS, Look, without_repeats
from operators.captioners.scene import Description, Scene
from operators.errors import ModelError
from operators.facts import Moment, Still
from operators.facts_json import record_from_json, record_to_json
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


@dataclass(frozen=True, slots=True)
class _Told:
    """The latest caption, and what it was made of: what adjoins it and shows nothing else goes on with it."""

    caption: Caption
    look: Look | None
    """Of the last picture that it tells of."""
    signs: frozenset[str]

    def goes_on(self, moment: Moment, stills: list[Still]) -> bool:
        """Nothing is said in the moment, and there is nothing else to be seen, read or heard."""
        same = not moment.words and self.signs == _signs(moment)
        return same and bool(stills) and not without_repeats(stills, self.look)[0]

    def revised(self, end: Fraction) -> "_Told":
        return replace(self, caption=revised(self.caption, end))


class Describer:
    """A StreamOperator: entries of both lanes -> Caption records. Asks "captioner" with a `Scene` for each Moment, one after another: each
    is told what was said of the one before.

    A caption is revised (its `cue_id` again, with the next `revision` and a later end) instead of repeated: where a moment that
    adjoins it shows nothing else, which is then not asked about, and where the captioner says the same again. Pictures that differ
    little from the one before are not shown to the captioner.
    """

    Options = DescriberOptions
    origin = "narrate.captions"
    need = FactsNeed(ORIGINS)
    models: tuple[str, ...] = ("captioner",)

    def __init__(self, options: DescriberOptions, stills: Stills) -> None:
        self._most = options.stills
        self._stills = stills
        self._joiner = MomentJoiner(Fraction(str(options.shortest_s)), Fraction(str(options.patience_s)))
        self._next = 0
        self._told: _Told | None = None
        self._waiting: deque[Moment] = deque()
        """Behind a moment that was asked about: never over a snapshot, for nothing is pushed meanwhile."""

    def push(self, item: Item) -> list[Output | Ask]:
        self._waiting += self._joiner.push(item)
        return self._go_on()

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        outputs: list[Output | Ask] = []
        if not isinstance(result, ModelError) and result.text:
            outputs.append(self._tell(ask.item, result, *ask.tag))
        return outputs + self._go_on()

    def finish(self, at: Fraction) -> list[Output | Ask]:
        self._waiting += self._joiner.finish(at)
        return self._go_on()

    def hold(self) -> Fraction | None:
        return self._joiner.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        told = self._told and {
            "caption": record_to_json(self._told.caption),
            "look": None if self._told.look is None else self._told.look.tobytes().hex(),
            "signs": sorted(self._told.signs),
        }
        return None, {"next": self._next, "told": told, "moments": self._joiner.snapshot()}

    def restore(self, state: State) -> None:
        self._next, told = state["next"], state["told"]
        if told:
            caption = record_from_json(told["caption"])
            assert isinstance(caption, Caption)
            shown = None if told["look"] is None else np.frombuffer(bytes.fromhex(told["look"]), np.uint8).reshape(CELLS)
            self._told = _Told(caption, shown, frozenset(told["signs"]))
        self._joiner.restore(state["moments"])

    def refill(self, item: Item) -> None:
        raise AssertionError("facts are kept in the state: nothing is given again")

    def _go_on(self) -> list[Output | Ask]:
        outputs: list[Output | Ask] = []
        while self._waiting:
            moment = self._waiting.popleft()
            instants = _spread([at for shot in moment.shots for at in shot.stills], self._most)
            stills = list(self._stills(instants)) if instants else []
            before = self._told if self._told and self._told.caption.end == moment.start else None
            if before and before.goes_on(moment, stills):
                self._told = before.revised(moment.end)
                outputs.append(self._told.caption)
                continue
            shown, last = without_repeats(stills)
            scene = Scene(moment, tuple(shown), before.caption.text if before else "")
            outputs.append(Ask("captioner", scene, tag=(f"{self.origin}-{self._next}", last), blocking=True))
            self._next += 1
            break
        return outputs

    def _tell(self, scene: Scene, said: Description, cue_id: str, last: Look | None) -> Caption:
        moment, before = scene.moment, self._told
        caption = said_again(before.caption if before else None, scene, said) or describe_scene(scene, said, cue_id)
        self._told = _Told(caption, last, _signs(moment))
        return caption


def _signs(moment: Moment) -> frozenset[str]:
    """All by which a moment may differ from another but its words and what its pictures look like."""
    read = {f"read {t.text}" for t in moment.seen}
    heard = {f"heard {s.tags[0] if s.tags else s.kind}" for s in moment.sounds} | ({"heard speech"} if moment.speech else set())
    fades = {"fades" for s in moment.shots if "fade" in (s.opens_with, s.closes_with)}
    return frozenset(read | heard | fades | {f"seen {', '.join(s.colours)}, {s.motion.camera}" for s in moment.shots})


def _spread(instants: list[Fraction], most: int) -> list[Fraction]:
    """At most `most` of them, evenly: the middle one where only one may be."""
    if len(instants) <= most:
        return instants
    return [instants[(2 * n + 1) * len(instants) // (2 * most)] for n in range(most)]


def said_again(before: Caption | None, scene: Scene, said: Description) -> Caption | None:
    """The caption before, revised, where the scene adjoins it and the same is said of both."""
    moment = scene.moment
    return revised(before, moment.end) if before and before.end == moment.start and before.text == said.text else None


def revised(caption: Caption, end: Fraction) -> Caption:
    """It goes on until then."""
    return replace(caption, end=end, revision=caption.revision + 1)


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
