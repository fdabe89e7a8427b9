"""The three contracts of this package: where media comes from, and the two kinds of operator, which are never mixed.

A `BatchOperator` has weights and no memory; a `StreamOperator` has memory and no weights. So batching across streams is
always legal, and recovery is about small states only.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol, TypeAlias, TypeVar

from operators.facts import Fact, Features, Still
from operators.media import Frame, Samples, StreamInfo
from operators.records import Gap, Partial, Record
from operators.timeline import Span

State: TypeAlias = dict[str, Any]
"""A small dict that JSON can hold; instants as `timeline.exact` text."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact or a record as another lane's log holds it. Narrators get the entries of `look` and `listen` merged by `key`."""

    origin: str
    kind: str
    """fact | record"""
    sequence: int
    value: Fact | Record

    @property
    def start(self) -> Fraction:
        return self.value.start

    @property
    def end(self) -> Fraction:
        return self.value.end

    @property
    def key(self) -> tuple[Fraction, str, str, int]:
        """The order in which narrators are given entries."""
        return (self.value.end, self.origin, self.kind, self.sequence)


@dataclass(frozen=True, slots=True)
class FramesNeed:
    """Frames on a grid of `rate` cells a second, scaled down (never up) so that the long side is at most `size_px`."""

    rate: int
    size_px: int


@dataclass(frozen=True, slots=True)
class SamplesNeed:
    """Sound in packets of 100 ms."""


@dataclass(frozen=True, slots=True)
class FactsNeed:
    """Entries of the other lanes' logs with these origins; all origins where empty. Gaps and Ends come in any case."""

    origins: frozenset[str] = frozenset()


Need: TypeAlias = FramesNeed | SamplesNeed | FactsNeed
Item: TypeAlias = Frame | Samples | Gap | Entry


@dataclass(frozen=True, slots=True)
class Ask:
    """A question of an operator to a model of the plan. The lane awaits the model, then calls `answer(ask, result)`.

    model: the model's name in the plan: "vad", "speech", "voice", "text", "captioner", "frames", "sound", "fusion", "translation".
    item: what the BatchOperator is given: self-contained, picklable.
    tag: whatever the operator wants to find again in `answer`; it never leaves the lane.
    blocking: the operator's state changes in `answer`: nothing is pushed to it until this ask is answered.
    optional: the operator does without an answer. Where the lane of a live stream is late it is not asked at all, and `answer` is
        given None; a model that can not do the item leaves no Gap.
    """

    model: str
    item: Any = field(repr=False)
    tag: Any = None
    blocking: bool = False
    optional: bool = False


Output: TypeAlias = Fact | Record | Features | Still | Partial


class StreamOperator(Protocol):
    """Memory without weights: one instance for one stream, given items in media order by one caller at a time.

    The law, which a property test holds for every operator: any chunking of the input, any delay and order of answers, any
    cut with restore and replay give the outputs of an unbroken run. So outputs depend on items and answers only: never
    on the clock, on randomness, or on the order in which answers come.
    """

    origin: str
    """lane.name, such as "look.black". All records that it makes are of one type; facts are numbered apart."""
    need: Need
    models: tuple[str, ...]
    """Names of the models that it may ask; empty for most detectors."""

    def push(self, item: Item) -> list[Output | Ask]:
        """Take the next item. A Gap is an item too: what was going on ends or is bridged at its start, by the operator's own rule."""
        ...

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        """Take the model's result for `ask`, once. `result` is a `ModelError` where the item itself could not be done: the lane states a
        Gap (model_error) itself; the operator only forgets the ask. Answers may come in any order; outputs are put in the order of
        the pushes."""
        ...

    def finish(self, at: Fraction) -> list[Output | Ask]:
        """The stream truly ends at `at` (the end of the last item, or later). Called once; after it only `answer`."""
        ...

    def hold(self) -> Fraction | None:
        """The least `end` that any output still to come from what was pushed so far may have, answers outstanding not counted (the lane
        does that); None where every further output will end at or after the end of the last item."""
        ...

    def snapshot(self) -> tuple[Fraction | None, State]:
        """(needs_from, state): all that is needed to go on from here. needs_from is the earliest instant of raw input that buffers
        hold and that
        `refill` must give again; None where nothing is buffered, and always for operators that need facts: these keep facts in the
        state by value."""
        ...

    def restore(self, state: State) -> None:
        """Take up a snapshot's state. Called at most once, before anything else."""
        ...

    def refill(self, item: Item) -> None:
        """After `restore`, once for each item from `needs_from` to the snapshot's position: rebuild buffers, say nothing."""
        ...


ItemT = TypeVar("ItemT", contravariant=True)
ResultT = TypeVar("ResultT", covariant=True)


class BatchOperator(Protocol[ItemT, ResultT]):
    """Weights without memory: any mix of streams in one batch, replicated at will."""

    def open(self, device: str, threads: int) -> None:
        """Load the weights. Heavy imports happen here. Raises ModelUnavailable."""
        ...

    def __call__(self, items: Sequence[ItemT]) -> Sequence[ResultT | Exception]:
        """As many results as items, in their order; a `ModelError` in the place of an item that can not be done. Blocking; one call
        at a time.
        Raises OutOfMemory when a smaller batch may succeed."""
        ...

    def close(self) -> None:
        """Free the weights. Nothing is called after it. Idempotent."""
        ...


class Source(Protocol):
    """Where one stream's media comes from. Read again from anywhere, it gives what it gave before: same instants, same bytes."""

    def probe(self) -> StreamInfo:
        """Raises SourceUnavailable (not there, no media in it, nothing that can be decoded) with a one-line reason."""
        ...

    def frames(self, info: StreamInfo, need: FramesNeed, span: Span) -> Generator[Frame | Gap, None, None]:
        """The frames of the grid cells that begin in `span`, in order. Decoding happens in a child process, ended by the
        generator's `close()`.
        A hole longer than `LONGEST_HOLE` is a Gap(discontinuity). Damage that is skipped is a Gap(decode_error).
        Raises DecodeError when nothing further can be decoded, after all that can be has been given."""
        ...

    def samples(self, info: StreamInfo, span: Span) -> Generator[Samples | Gap, None, None]:
        """The packets that begin in `span`, in order; the same rules as `frames`. A hole up to LONGEST_HOLE is filled with zeros."""
        ...


class Stills(Protocol):
    """Reads back the pictures that `look` kept, for a narrator's captioner."""

    def __call__(self, instants: Sequence[Fraction]) -> list[Still]: ...
