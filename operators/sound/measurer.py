"""Sound as signal: stretches of one kind of sound, by measuring alone."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from operators.facts import Sound
from operators.media import PACKET_RATE, Samples
from operators.protocols import Ask, Item, Need, Output, SamplesNeed, State
from operators.records import Gap
from operators.sound.kinds import Measure, dbfs, kind_of, measure
from operators.timeline import ZERO, Span, exact

BLOCK = 5
"""Packets of one block: the grain of what is said, 0.5 s."""
BEFORE, AFTER = 10, 15
"""Packets, from a block's first one, that are heard to tell what the block is: 1 s before it to 1 s after it."""
LONGEST_BLOCKS = 60
"""Blocks of the longest part, 30 s."""


@dataclass(frozen=True, slots=True)
class _Heard:
    index: int
    span: Span
    measure: Measure


@dataclass(frozen=True, slots=True)
class _Told:
    kind: str
    power: float
    """Sum over its packets."""
    packets: int


@dataclass(frozen=True, slots=True)
class SoundOptions:
    silence_dbfs: float = -55.0
    quiet_dbfs: float = -45.0


class SoundMeasurer:
    """Says Sound facts: stretches of one kind, in parts of at most 30 s, that tile what was heard.

    Kinds: silence, quiet (by level) · siren_like (`acoustics.siren_score`) · speech_like (voiced, its level swinging at the pace of
    syllables) · tonal (the same partials all along) · music_like (steady partials that change) · noise (all else).
    """

    Options = SoundOptions
    origin = "listen.sound"
    need: Need = SamplesNeed()
    models: tuple[str, ...] = ()

    def __init__(self, options: SoundOptions = SoundOptions()) -> None:
        self._options = options
        self._heard: deque[_Heard] = deque()
        self._needs_from: Fraction | None = None
        self._block = 0
        """The block of the stream that is to be told next."""
        self._start = ZERO
        self._run: list[_Told] = []
        """The blocks from `_start` on that were told but not yet said."""

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            return [*self._break()]
        if not isinstance(item, Samples):
            return []
        facts = self._break() if self._heard and item.start != self._heard[-1].span.end else []
        if not self._heard:
            self._block, self._start = item.index // BLOCK, item.start
        self.refill(item)
        while item.index + 1 >= self._block * BLOCK + AFTER:
            self._tell()
            facts += self._say_known()
        self._needs_from = self._heard[0].span.start
        return [*facts]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._break()]

    def hold(self) -> Fraction | None:
        """The stretch that is going on ends with its last block told, or later."""
        return None if self._needs_from is None else self._boundary(self._first_stretch())

    def snapshot(self) -> tuple[Fraction | None, State]:
        needs_from = None if self._needs_from is None else exact(self._needs_from)
        state = {
            "from": needs_from,
            "block": self._block,
            "start": exact(self._start),
            "run": [[t.kind, t.power, t.packets] for t in self._run],
        }
        return self._needs_from, state

    def restore(self, state: State) -> None:
        self._block, self._start = state["block"], Fraction(state["start"])
        self._run = [_Told(*told) for told in state["run"]]
        self._needs_from = None if state["from"] is None else Fraction(state["from"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Samples):
            self._heard.append(_Heard(item.index, item.span, measure(item.pcm)))

    def _tell(self) -> None:
        """Tell the kind of block `_block`; one block alone between two of another kind is taken for theirs."""
        first = self._block * BLOCK
        around = [h.measure for h in self._heard if first - BEFORE <= h.index < first + AFTER]
        core = [h.measure for h in self._heard if first <= h.index < first + BLOCK]
        power = sum(m.power for m in core)
        told = _Told(self._kind(around, dbfs(power / len(core))), power, len(core))
        if len(self._run) >= 2 and self._run[-2].kind == told.kind != self._run[-1].kind:
            self._run[-1] = replace(self._run[-1], kind=told.kind)
        self._run.append(told)
        self._block += 1
        while self._heard and self._heard[0].index < self._block * BLOCK - BEFORE:
            self._heard.popleft()

    def _kind(self, around: Sequence[Measure], level_dbfs: float) -> str:
        if level_dbfs < self._options.silence_dbfs:
            return "silence"
        return "quiet" if level_dbfs < self._options.quiet_dbfs else kind_of(around)

    def _say_known(self) -> list[Sound]:
        """Say the first stretch if two blocks after it show that it is over, or if it is as long as a part may be."""
        facts: list[Sound] = []
        while (first := self._first_stretch()) and (len(self._run) >= first + 2 or first >= LONGEST_BLOCKS):
            facts.append(self._say(min(first, LONGEST_BLOCKS), None))
        return facts

    def _break(self) -> list[Sound]:
        """The sound breaks off: tell and say all of it."""
        if not self._heard:
            return []
        end = self._heard[-1].span.end
        facts: list[Sound] = []
        while Fraction(self._block * BLOCK, PACKET_RATE) < end:
            self._tell()
        while first := min(self._first_stretch(), LONGEST_BLOCKS):
            facts.append(self._say(first, end if first == len(self._run) else None))
        self._heard.clear()
        self._needs_from = None
        return facts

    def _say(self, blocks: int, end: Fraction | None) -> Sound:
        said, end = self._run[:blocks], end or self._boundary(blocks)
        level = dbfs(sum(t.power for t in said) / sum(t.packets for t in said))
        sound = Sound(self._start, end, said[0].kind, round(level, 1))
        self._run, self._start = self._run[blocks:], end
        return sound

    def _first_stretch(self) -> int:
        """How many of the first blocks that are not yet said are of one kind."""
        return next((n for n, told in enumerate(self._run) if told.kind != self._run[0].kind), len(self._run))

    def _boundary(self, blocks: int) -> Fraction:
        """Where the first `blocks` of `_run` end."""
        return Fraction((self._block - len(self._run) + blocks) * BLOCK, PACKET_RATE) if blocks else self._start
