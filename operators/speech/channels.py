"""A speaker in each channel of the sound: `listen.words` for each of them, as one operator."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from operators.facts import Word
from operators.media import PACKET_RATE, Pcm, Samples
from operators.protocols import Ask, Item, Need, Output, SamplesNeed, State, StreamOperator
from operators.records import Gap, Partial, Transcript
from operators.speech.crosstalk import CONTEXT, CrosstalkGate
from operators.timeline import ZERO, exact


@dataclass(frozen=True, slots=True)
class _Asked:
    """Tag of an ask of one channel's transcriber: which, and its own tag."""

    channel: int
    tag: Any


class ChannelTranscriber:
    """A StreamOperator: a transcriber for each channel that has a speaker's name, whose Words and Transcripts carry that name; Speech is of
    any of them. Each hears its channel without what others say there (`crosstalk`); people who talk at once are all written down."""

    origin = "listen.words"
    need: Need = SamplesNeed()

    def __init__(self, make: Callable[[], StreamOperator], speakers: tuple[str, ...]) -> None:
        self._speakers = speakers
        self._transcribers = {n: make() for n, name in enumerate(speakers) if name}
        self.models: tuple[str, ...] = next(iter(self._transcribers.values())).models
        self._gate = CrosstalkGate()
        self._heard: Fraction | None = None
        """End of the latest packet; None before the first and after a gap."""
        self._needs: dict[int, Fraction | None] = {}
        """After a restart: from where each transcriber is to be given sound again."""

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            self._break_off()
            return self._all(lambda n, t: t.push(item))
        assert isinstance(item, Samples)
        channels = self._hear(item)
        return self._all(lambda n, t: t.push(Samples(item.index, channels[n])))

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        asked: _Asked = ask.tag
        transcriber = self._transcribers[asked.channel]
        return self._named(asked.channel, transcriber.answer(replace(ask, tag=asked.tag), result))

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return self._all(lambda n, t: t.finish(at))

    def hold(self) -> Fraction | None:
        return min((h for t in self._transcribers.values() if (h := t.hold()) is not None), default=None)

    def snapshot(self) -> tuple[Fraction | None, State]:
        taken = {n: t.snapshot() for n, t in self._transcribers.items()}
        needs = [start for start in (self._heard, *(start for start, _ in taken.values())) if start is not None]
        state = {
            "heard": _text(self._heard),
            "transcribers": {str(n): [_text(start), own] for n, (start, own) in taken.items()},
        }
        # What is done to a packet depends on those before it.
        return max(ZERO, min(needs) - Fraction(CONTEXT + 1, PACKET_RATE)) if needs else None, state

    def restore(self, state: State) -> None:
        self._heard = _instant(state["heard"])
        for n, (start, own) in state["transcribers"].items():
            self._transcribers[int(n)].restore(own)
            self._needs[int(n)] = _instant(start)

    def refill(self, item: Item) -> None:
        if not isinstance(item, Samples):
            self._break_off()
            return
        channels = self._hear(item)
        for n, start in self._needs.items():
            if start is not None and item.end > start:
                self._transcribers[n].refill(Samples(item.index, channels[n]))

    def _break_off(self) -> None:
        self._gate.forget()
        self._heard = None

    def _hear(self, item: Samples) -> Pcm:
        """The packet's channels without cross-talk."""
        channels = item.channels
        if channels is None:
            # Of a live source before its first sound: nothing was heard, so it was nobody.
            channels = np.zeros((len(self._speakers), len(item.pcm)), np.float32)
        self._heard = item.end
        return self._gate(channels)

    def _all(self, give: Callable[[int, StreamOperator], list[Output | Ask]]) -> list[Output | Ask]:
        return [output for n, t in self._transcribers.items() for output in self._named(n, give(n, t))]

    def _named(self, channel: int, outputs: list[Output | Ask]) -> list[Output | Ask]:
        return [self._name(channel, o) for o in outputs]

    def _name(self, channel: int, output: Output | Ask) -> Output | Ask:
        speaker = self._speakers[channel]
        match output:
            case Ask():
                return replace(output, tag=_Asked(channel, output.tag))
            case Word():
                return replace(output, speaker=speaker, segment_id=f"{channel}-{output.segment_id}")
            case Transcript() | Partial():
                words = tuple(replace(w, speaker=speaker, segment_id=f"{channel}-{w.segment_id}") for w in output.words)
                return replace(output, speaker=speaker, channel=channel, segment_id=f"{channel}-{output.segment_id}", words=words)
        return output


def _text(instant: Fraction | None) -> str | None:
    return None if instant is None else exact(instant)


def _instant(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)
