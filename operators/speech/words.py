"""Sound to speech and words: `listen.words`. Asks "vad" where somebody speaks, and "speech" what is said there."""

import base64
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from operators.errors import ModelError
from operators.media import PACKET_SAMPLES, SOUND_RATE_HZ, Samples
from operators.protocols import Ask, Item, Output, SamplesNeed, State
from operators.records import Gap
from operators.speech.gate import Gate, Stretch
from operators.speech.options import USUAL, SpeechOptions, samples
from operators.speech.pack_writer import PackWriter
from operators.speech.streaming import StreamWriter
from operators.speech.vad import WINDOW_SAMPLES, VadItem, VadResult
from operators.speech.voice import Voice


class Writer(Protocol):
    """What becomes of the speech that is heard: when the recogniser is asked, and what is said of its answers. Instants are samples."""

    block: int
    """The gate is asked once in so much sound."""

    def begin(self, at: int) -> None:
        """The sound begins at `at`, or begins again there."""
        ...

    def write(self, stretches: list[Stretch], now: int) -> list[Output | Ask]:
        """Stretches of speech that ended before `now`."""
        ...

    def close(self, stretches: list[Stretch], now: int) -> list[Output | Ask]:
        """The last ones: the sound ends at `now`."""
        ...

    def answer(self, tag: Any, result: Any) -> list[Output | Ask]: ...

    def unwritten(self, now: int) -> int:
        """Nothing that is still to be said ends before; `now` where nobody speaks."""
        ...

    def oldest(self, now: int) -> int:
        """The first sample that may still be needed."""
        ...

    def snapshot(self) -> State: ...

    def restore(self, state: State) -> None: ...


@dataclass(frozen=True, slots=True)
class _Judge:
    """Tag of an ask to "vad": how much of its sound is the stream's, and whether the sound ends there."""

    samples: int
    last: bool


class SpeechTranscriber:
    """A StreamOperator. Speech facts for every stretch in which somebody speaks (the parts of a long one adjoin), and for what is said in
    them Transcripts, sentences or parts of them, with their Word facts. With `step_s` also Partials: each word is heard again
    until it is certain, and told at once."""

    Options = SpeechOptions
    origin = "listen.words"
    need = SamplesNeed()
    models = ("vad", "speech")

    def __init__(self, options: SpeechOptions = USUAL) -> None:
        self.options = options
        silence, least = samples(options.min_silence_ms / 1000), samples(options.min_speech_ms / 1000)
        self._voice = Voice(Gate(options.threshold, options.end_threshold, silence, least), options.floor_dbfs)
        self._writer: Writer = StreamWriter(options, self._voice) if options.step_s else PackWriter(options, self._voice)
        self._next: int | None = None
        """First sample that is not judged yet; None before the first and after a gap."""
        self._memory = b""

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            return self._end()
        assert isinstance(item, Samples)
        start = item.index * PACKET_SAMPLES
        if self._next is None:
            self._next = start
            self._writer.begin(start)
        self._voice.sound.append(start, item.pcm)
        block = self._writer.block
        return [self._judge(block, last=False)] if self._voice.sound.end - self._next >= block else []

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        if isinstance(ask.tag, _Judge):
            return self._judged(ask.tag, result)
        return self._writer.answer(ask.tag, result)

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return self._end()

    def hold(self) -> Fraction | None:
        """No word ends before the speech that it is in begins (`Pack.said`), though sound before it is given to the recogniser."""
        return None if self._next is None else Fraction(self._writer.unwritten(self._next), SOUND_RATE_HZ)

    def snapshot(self) -> tuple[Fraction | None, State]:
        state = {
            "next": self._next,
            "gate": self._voice.snapshot(),
            "memory": base64.b85encode(self._memory).decode(),
            "writer": self._writer.snapshot(),
        }
        return None if self._next is None else Fraction(self._writer.oldest(self._next), SOUND_RATE_HZ), state

    def restore(self, state: State) -> None:
        self._next = state["next"]
        self._voice.restore(state["gate"])
        self._memory = base64.b85decode(state["memory"])
        self._writer.restore(state["writer"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Samples):
            self._voice.sound.append(item.index * PACKET_SAMPLES, item.pcm)

    def _judge(self, count: int, last: bool) -> Ask:
        assert self._next is not None
        pcm = self._voice.sound.read([(self._next, self._next + count)])
        padded = np.pad(pcm, (0, -count % WINDOW_SAMPLES))
        return Ask("vad", VadItem(padded, self._memory), _Judge(count, last), blocking=True)

    def _end(self) -> list[Output | Ask]:
        """A gap, or the end of the stream: judge what is left, then close everything."""
        if self._next is None:
            return []
        left = self._voice.sound.end - self._next
        return [self._judge(left, last=True)] if left else self._close([], self._next)

    def _judged(self, judge: _Judge, result: VadResult | ModelError) -> list[Output | Ask]:
        """Where the gate fails, nobody is taken to speak."""
        assert self._next is not None
        if isinstance(result, ModelError):
            result = VadResult(np.zeros(-(-judge.samples // WINDOW_SAMPLES), np.float32), b"")
        self._memory = result.state
        stretches = self._voice.hear(self._next, result.probabilities.tolist())
        self._next += judge.samples
        if judge.last:
            return self._close(stretches, self._next)
        outputs = self._writer.write(stretches, self._next)
        self._voice.sound.forget(self._writer.oldest(self._next))
        return outputs

    def _close(self, stretches: list[Stretch], at: int) -> list[Output | Ask]:
        outputs = self._writer.close([*stretches, *self._voice.close(at)], at)
        self._voice.clear()
        self._memory, self._next = b"", None
        return outputs
