"""Sound to speech and words: `listen.words`. Asks "vad" where somebody speaks, and "speech" what is said there."""

import base64
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any

import numpy as np

from operators.errors import ConfigError, ModelError
from operators.facts import Speech, Word
from operators.media import PACKET_SAMPLES, SOUND_RATE_HZ, Samples
from operators.protocols import Ask, Item, Output, SamplesNeed, State
from operators.records import Gap, Transcript
from operators.speech.gate import Gate, Stretch
from operators.speech.packs import Pack, Packer, Packing, Sound
from operators.speech.recognition import HeardWord, Recognition, SpeechItem
from operators.speech.vad import WINDOW_SAMPLES, VadItem, VadResult
from operators.timeline import Span

BLOCK_SAMPLES = 32 * WINDOW_SAMPLES
"""The gate is asked once in 1.024 s of media."""


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """All times are media time."""

    language: str = ""
    """BCP 47; empty: heard anew in each pack."""
    threshold: float = 0.4
    """Voice probability at which a stretch of speech begins; 0.3 finds whispers."""
    end_threshold: float = 0.25
    """It ends where the probability stays under this."""
    min_silence_ms: int = 500
    min_speech_ms: int = 200
    floor_dbfs: float = -65.0
    """Speech under this RMS level is not written down."""
    pause_ms: int = 3000
    """Longer pauses are shortened to this in what the recogniser is given: it hears better with the sound around speech."""
    margin_ms: int = 1000
    """Words that a recogniser hears further than this from any speech that the gate heard are not said."""
    overhang_ms: int = 200
    """What of a word reaches out of the speech that the gate heard is taken off, up to this much."""
    pack_s: float = 28.9
    """Sound that the recogniser is given at once; what one more block of the gate adds must fit into its 30 s."""
    pack_span_s: float = 60.0
    """How long the first words of a pack wait for others to fill it."""

    def __post_init__(self) -> None:
        if not 0 < self.end_threshold <= self.threshold < 1:
            raise ConfigError(f"0 < end_threshold <= threshold < 1 does not hold for {self.end_threshold} and {self.threshold}")
        if not 2 <= self.pack_s <= 28.9:
            raise ConfigError(f"pack_s is {self.pack_s}: it may be 2 to 28.9, for the recogniser hears 30 s at once")


@dataclass(frozen=True, slots=True)
class _Judge:
    """Tag of an ask to "vad": how much of its sound is the stream's, and whether the sound ends there."""

    samples: int
    last: bool


class SpeechTranscriber:
    """A StreamOperator. Speech facts for every stretch in which somebody speaks (the parts of a long one adjoin), then a Transcript
    with its Word facts for every sentence or part of one that was said in them. A pack of speech goes to the recogniser once
    it is full or old, at a gap, and at the end; a pack that it can not do leaves only its Speech."""

    Options = SpeechOptions
    origin = "listen.words"
    need = SamplesNeed()
    models = ("vad", "speech")

    def __init__(self, options: SpeechOptions = SpeechOptions()) -> None:
        self.options = options
        self._gate = Gate(options.threshold, options.end_threshold, _samples(options.min_silence_ms), _samples(options.min_speech_ms))
        fill, span = round(options.pack_s * SOUND_RATE_HZ), round(options.pack_span_s * SOUND_RATE_HZ)
        self._packing = Packing(fill, fill * 3 // 4, span, _samples(options.pause_ms))
        self._packer = Packer(self._packing)
        self._sound = Sound()
        self._next: int | None = None
        """First sample that is not judged yet; None before the first and after a gap."""
        self._memory = b""

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            return self._end()
        assert isinstance(item, Samples)
        start = item.index * PACKET_SAMPLES
        if self._next is None:
            self._next = self._packer.floor = start
        self._sound.append(start, item.pcm)
        return [self._judge(BLOCK_SAMPLES, last=False)] if self._sound.end - self._next >= BLOCK_SAMPLES else []

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        if isinstance(ask.tag, Pack):
            return [] if isinstance(result, ModelError) else self._write(ask.tag, result)
        return self._judged(ask.tag, result)

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return self._end()

    def hold(self) -> Fraction | None:
        """No word ends before the speech of its pack begins (`_write`), though sound before it is given to the recogniser."""
        return None if self._next is None else Fraction(self._unwritten(), SOUND_RATE_HZ)

    def snapshot(self) -> tuple[Fraction | None, State]:
        memory = base64.b85encode(self._memory).decode()
        state = {
            "next": self._next,
            "floor": self._packer.floor,
            "speech": list(self._packer.speech),
            "gate": self._gate.snapshot(),
            "memory": memory,
        }
        return None if self._next is None else Fraction(self._oldest(), SOUND_RATE_HZ), state

    def restore(self, state: State) -> None:
        self._next, self._packer.floor = state["next"], state["floor"]
        self._packer.speech = [(start, end) for start, end in state["speech"]]
        self._gate.restore(state["gate"])
        self._memory = base64.b85decode(state["memory"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Samples):
            self._sound.append(item.index * PACKET_SAMPLES, item.pcm)

    def _oldest(self) -> int:
        """The first sample that a pack to come may use."""
        return max(self._packer.floor, self._unwritten() - self._packing.pad)

    def _unwritten(self) -> int:
        """The first sample at which somebody speaks or may speak that no pack holds yet."""
        assert self._next is not None
        first = self._packer.speech[0][0] if self._packer.speech else self._gate.since
        return self._next if first is None else first

    def _judge(self, samples: int, last: bool) -> Ask:
        assert self._next is not None
        pcm = self._sound.read([(self._next, self._next + samples)])
        padded = np.pad(pcm, (0, -samples % WINDOW_SAMPLES))
        return Ask("vad", VadItem(padded, self._memory), _Judge(samples, last), blocking=True)

    def _end(self) -> list[Output | Ask]:
        """A gap, or the end of the stream: judge what is left, then close everything."""
        if self._next is None:
            return []
        left = self._sound.end - self._next
        return [self._judge(left, last=True)] if left else self._close(self._next)

    def _judged(self, judge: _Judge, result: VadResult | ModelError) -> list[Output | Ask]:
        """Where the gate fails, nobody is taken to speak."""
        assert self._next is not None
        if isinstance(result, ModelError):
            result = VadResult(np.zeros(-(-judge.samples // WINDOW_SAMPLES), np.float32), b"")
        self._memory = result.state
        stretches = self._gate.hear(self._next, result.probabilities.tolist())
        self._next += judge.samples
        outputs = self._said(stretches) + self._packs(self._next)
        if judge.last:
            return outputs + self._close(self._next)
        self._sound.forget(self._oldest())
        return outputs

    def _close(self, at: int) -> list[Output | Ask]:
        outputs = self._said(self._gate.close(at)) + self._packs(at)
        if self._packer.speech:
            outputs.append(self._ask(len(self._packer.speech), at))
        self._sound, self._memory, self._next = Sound(), b"", None
        return outputs

    def _said(self, stretches: list[Stretch]) -> list[Output | Ask]:
        outputs: list[Output | Ask] = []
        for s in stretches:
            if self._sound.level_dbfs((s.start, s.end)) >= self.options.floor_dbfs:
                self._packer.speech.append((s.start, s.end))
                outputs.append(Speech(Fraction(s.start, SOUND_RATE_HZ), Fraction(s.end, SOUND_RATE_HZ), s.score))
        return outputs

    def _packs(self, now: int) -> list[Output | Ask]:
        """Ask for what is to be written down at sample `now`."""
        outputs: list[Output | Ask] = []
        while (count := self._packer.due(self._gate.since, now)) is not None:
            if count == 0 and self._gate.since is not None:
                at = self._sound.quietest(self._packer.room(self._gate.since, now))
                outputs += self._said([self._gate.split(at)])
                count = len(self._packer.speech)
            if count:
                outputs.append(self._ask(count, now))
        return outputs

    def _ask(self, count: int, now: int) -> Ask:
        pack = self._packer.take(count, self._gate.since, now)
        return Ask("speech", SpeechItem(self._sound.read(pack.pieces), self.options.language or None), pack)

    def _write(self, pack: Pack, heard: Recognition) -> list[Output | Ask]:
        """A sentence that goes over a pause which was cut out is two."""
        outputs: list[Output | Ask] = []
        placed = [(n, *pack.place(Span(w.start, w.end)), w) for n, segment in enumerate(heard.segments) for w in segment]
        near = [p for p in placed if pack.near_speech(p[2], _samples(self.options.margin_ms))]
        for number, (_, group) in enumerate(groupby(near, key=lambda p: p[:2])):
            segment_id = f"{pack.pieces[0][0]}-{number}"
            overhang = _samples(self.options.overhang_ms)
            said = [(_not_before(pack, pack.within_speech(span, overhang)), word) for _, _, span, word in group]
            words = tuple(_word(span, word, heard.language, segment_id) for span, word in said)
            text = "".join(word.text for _, word in said).strip()
            outputs += [Transcript(words[0].start, words[-1].end, segment_id, text, heard.language, words), *words]
        return outputs


def _not_before(pack: Pack, span: Span) -> Span:
    """A word that a recogniser puts before the first speech of its pack lasts until there."""
    return Span(span.start, max(span.end, Fraction(pack.speech[0][0], SOUND_RATE_HZ)))


def _word(span: Span, word: HeardWord, language: str, segment_id: str) -> Word:
    return Word(span.start, span.end, word.text.strip(), word.confidence, language, segment_id)


def _samples(milliseconds: int) -> int:
    return milliseconds * SOUND_RATE_HZ // 1000
