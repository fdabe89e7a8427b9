"""One operator in a lane: what it has been given, what it waits for, and what may be committed of it.

This is the half of a lane that keeps the law of `StreamOperator` (any chunking, any delay and order of answers, any cut with
replay give the same outputs); it knows no clock, no threads and no files, so the law is tested on it directly.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from operators.errors import ModelError, ModelOverloaded
from operators.media import Frame, Samples
from operators.protocols import Ask, Entry, FactsNeed, FramesNeed, Item, Output, SamplesNeed, State, StreamOperator
from operators.records import End, Gap
from operators.timeline import ZERO, exact

Cursor = tuple[Fraction, str, str, int]
"""How far an operator has come: (instant, "", "", 0) in media, the key of the last entry in facts."""

BEGIN: Cursor = (ZERO, "", "", 0)


@dataclass(slots=True, eq=False)
class Asked:
    """An ask on its way, and its place among the outputs of the push that caused it."""

    ask: Ask
    push: "_Push"
    outputs: "list[Output | Asked] | None" = None


@dataclass(slots=True, eq=False)
class _Push:
    """A push whose outputs are not all known, or wait behind such a push."""

    checkpoint: State
    """The operator as it was just before."""
    hold: Fraction
    """The least end that its outputs may have."""
    end: Fraction
    media_end: Fraction
    """Up to here there was something to analyse: `end`, but for a Gap, which tells of its own stretch."""
    outputs: list[Output | Asked] = field(default_factory=list)
    lost: bool = False
    """Its Gap is stated."""


class OperatorRun:
    """Feeds one operator, in order, and gives its outputs in the order of the pushes that caused them.

    One caller at a time. `feed`, `answer` and `finish` return the asks that are now to be put to models.
    """

    def __init__(self, operator: StreamOperator, lane: str, checkpoint: State | None = None) -> None:
        self.operator = operator
        self.position: Cursor = BEGIN
        self.finished = False
        self._lane = lane
        self._facts = isinstance(operator.need, FactsNeed)
        self._waiting: deque[Item] = deque()
        self._pushes: deque[_Push] = deque()
        self._blocked_by: set[int] = set()
        self._finish_at: Fraction | None = None
        if checkpoint is not None:
            self.position = _cursor_from_json(checkpoint["position"])
            self.finished = checkpoint["finished"]
            operator.restore(checkpoint["state"])
        needs_from = checkpoint["needs_from"] if checkpoint else None
        self._refilled: Cursor = self.position if needs_from is None else (Fraction(needs_from), "", "", 0)

    @property
    def reads_from(self) -> Fraction:
        """The instant from which the lane must read for this operator."""
        return self._refilled[0]

    @property
    def oldest(self) -> Fraction:
        """The end of the oldest item that is not wholly done with: how far the operator is behind its lane is counted from here."""
        if self._pushes:
            return self._pushes[0].end
        return self._waiting[0].start if self._waiting else self.position[0]

    @property
    def in_flight(self) -> int:
        """Pushes that are not wholly answered and items that wait behind a blocking ask."""
        return len(self._pushes) + len(self._waiting)

    @property
    def backlog(self) -> Fraction:
        """Seconds of input that wait behind a blocking ask."""
        return self._waiting[-1].end - self.position[0] if self._waiting else ZERO

    @property
    def done(self) -> bool:
        return self.finished and not self.in_flight

    def feed(self, item: Item) -> list[Asked]:
        """Give the next item of the lane; what is not for this operator, or lies before its position, is passed over."""
        mine = None if self.finished else self._mine(item)
        if mine is None:
            if isinstance(item, Entry) and not self._waiting:
                self.position = max(self.position, item.key)
            return []
        if self._waiting or self._blocked_by:
            self._waiting.append(mine)
            return []
        return self._take(mine)

    def finish(self, at: Fraction) -> list[Asked]:
        """The lane ends at `at`; once everything that waits was pushed, the operator's `finish` is called."""
        self._finish_at = at
        return self._go_on()

    def answer(self, asked: Asked, result: Any) -> list[Asked]:
        """The model's result, or the ModelError of an item that can not be done: it becomes a Gap of the lane, unless the ask was
        optional."""
        outputs: list[Output | Ask] = []
        push = asked.push
        if isinstance(result, ModelError) and not asked.ask.optional and not push.lost:
            push.lost = True
            reason = "dropped_overload" if isinstance(result, ModelOverloaded) else "model_error"
            outputs.append(Gap(min(push.hold, push.media_end), push.media_end, self._lane, reason, result.message))
        outputs += self.operator.answer(asked.ask, result)
        asked.outputs, asks = self._place(outputs, asked.push)
        self._blocked_by.discard(id(asked))
        return asks + self._go_on()

    def take(self) -> list[Output]:
        """The outputs that are complete and whose turn has come."""
        outputs: list[Output] = []
        while self._pushes and _complete(self._pushes[0].outputs):
            outputs += _flat(self._pushes.popleft().outputs)
        return outputs

    def watermark(self) -> Fraction | None:
        """Everything of this operator that ends before this instant has been given by `take`; None after its end."""
        if self.done:
            return None
        held = self.operator.hold()
        instants = [self.position[0], *(p.hold for p in self._pushes)]
        return min(instants if held is None else [held, *instants])

    def checkpoint(self) -> State:
        """All that is needed to go on from what `take` gave: the operator as it was before its oldest push that still waits.
        Called after `take`, so that only pushes with unanswered asks are left."""
        return self._pushes[0].checkpoint if self._pushes else self._snapshot()

    def _mine(self, item: Item) -> Item | None:
        need = self.operator.need
        if isinstance(item, Entry):
            wanted = isinstance(need, FactsNeed) and (not need.origins or item.origin in need.origins or isinstance(item.value, Gap | End))
            return item if wanted and item.key > self.position else None
        if isinstance(item, Frame):
            if not isinstance(need, FramesNeed):
                return None
            if item.rate != need.rate:
                item = Frame(item.index * need.rate // item.rate, need.rate, item.at, item.picture)
        elif isinstance(item, Samples) and not isinstance(need, SamplesNeed):
            return None
        ahead = self._waiting[-1].end if self._waiting else self._refilled[0]
        return item if item.end > ahead else None

    def _take(self, item: Item) -> list[Asked]:
        after: Cursor = item.key if isinstance(item, Entry) else (item.end, "", "", 0)
        if not self._facts and after <= self.position:
            self.operator.refill(item)
            self._refilled = after
            return []
        return self._push(after, lambda: self.operator.push(item), item.start if isinstance(item, Gap) else after[0])

    def _go_on(self) -> list[Asked]:
        asks: list[Asked] = []
        while self._waiting and not self._blocked_by:
            asks += self._take(self._waiting.popleft())
        at = self._finish_at
        if at is not None and not self.finished and not self._waiting and not self._blocked_by:
            after = max(self.position, (at, "", "", 0))
            asks += self._push(after, lambda: self.operator.finish(at), after[0])
            self.finished = True
        return asks

    def _push(self, after: Cursor, call: Callable[[], list[Output | Ask]], media_end: Fraction) -> list[Asked]:
        # An operator that asks nothing never waits: what a snapshot before each push would cost is saved.
        before = self._snapshot() if self.operator.models else {}
        held = self.operator.hold()
        push = _Push(before, self.position[0] if held is None else min(held, self.position[0]), after[0], media_end)
        push.outputs, asks = self._place(call(), push)
        self.position = self._refilled = after
        if push.outputs:
            self._pushes.append(push)
        return asks

    def _place(self, outputs: list[Output | Ask], push: _Push) -> tuple[list[Output | Asked], list[Asked]]:
        placed: list[Output | Asked] = [Asked(o, push) if isinstance(o, Ask) else o for o in outputs]
        asks = [p for p in placed if isinstance(p, Asked)]
        self._blocked_by.update(id(a) for a in asks if a.ask.blocking)
        return placed, asks

    def _snapshot(self) -> State:
        needs_from, state = self.operator.snapshot()
        return {
            "position": _cursor_to_json(self.position),
            "needs_from": None if needs_from is None else exact(needs_from),
            "finished": self.finished,
            "state": state,
        }


def _complete(outputs: list[Output | Asked]) -> bool:
    return all(not isinstance(o, Asked) or (o.outputs is not None and _complete(o.outputs)) for o in outputs)


def _flat(outputs: list[Output | Asked]) -> list[Output]:
    flat: list[Output] = []
    for o in outputs:
        flat += _flat(o.outputs or []) if isinstance(o, Asked) else [o]
    return flat


def _cursor_to_json(cursor: Cursor) -> list[Any]:
    return [exact(cursor[0]), *cursor[1:]]


def _cursor_from_json(value: list[Any]) -> Cursor:
    return (Fraction(value[0]), value[1], value[2], value[3])
