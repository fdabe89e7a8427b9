"""Diarisation: a transcriber that also tells who speaks, by their voices. Asks "voice" what the speech sounds like."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from operators.errors import ConfigError, ModelError
from operators.facts import Word
from operators.facts_json import fact_from_json, fact_to_json
from operators.media import PACKET_SAMPLES, SOUND_RATE_HZ, Samples
from operators.protocols import Ask, Item, Need, Output, SamplesNeed, State, StreamOperator
from operators.records import Partial, Transcript
from operators.speech.clusters import SpeakerMemory
from operators.speech.packs import Range, Sound
from operators.speech.turns import Turn, named, told_apart
from operators.speech.vad import WINDOW_SAMPLES, VadResult
from operators.speech.voices import LEAST_SAMPLES, VoiceItem
from operators.timeline import exact

CELL_SAMPLES = SOUND_RATE_HZ * 3 // 4
"""Who speaks is told for each cell of at most this length, by the voice in it and in half of one before and after."""
BRIDGED = SOUND_RATE_HZ * 3 // 10
"""Pauses up to this long are inside a stretch of speech."""
LONGEST_SAMPLES = 60 * SOUND_RATE_HZ
"""Speech of which nothing is asked for so long is told who it is of all the same."""
VOICED = 0.5


@dataclass(frozen=True, slots=True)
class DiarisationOptions:
    alike: float = 0.8
    """Cosine of two voices from which on they are one speaker's. It depends on the model."""
    most: int = 8
    """Most speakers of a stream."""

    def __post_init__(self) -> None:
        if not 0 < self.alike < 1 or not 1 <= self.most <= 100:
            raise ConfigError(f"alike is between 0 and 1 and most 1 to 100, not {self.alike} and {self.most}")


@dataclass(frozen=True, slots=True)
class _Heard:
    """Tag of an ask of the transcriber: its own tag, and what its answer is told by: the turns that are known, and, of one that does not
    block, the words that no transcript has told yet."""

    tag: Any
    turns: tuple[Turn, ...]
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class _Voices:
    """Tag of an ask to "voice": the cells that it tells of, and what waits for that."""

    cells: tuple[Range, ...]
    rest: tuple[Output | Ask, ...]


class SpeakerTranscriber:
    """A StreamOperator around a transcriber that asks "vad" for all sound in order. Its Transcripts are parted where another one speaks;
    they and their Words carry "Speaker 1", "Speaker 2", … as they were first heard.

    Whatever the transcriber asks "speech" is asked once it is known who speaks in the sound up to there, so that what is said can be
    told from that answer alone, in whatever order answers come.
    """

    Options = DiarisationOptions
    origin = "listen.speakers"
    """The place of its options: what it says is of the origin of its transcriber."""
    need: Need = SamplesNeed()
    models: tuple[str, ...] = ("voice",)

    def __init__(self, options: DiarisationOptions, make: Callable[[], StreamOperator]) -> None:
        self._inner = make()
        self.origin = self._inner.origin
        self.models = (*self._inner.models, "voice")
        self._memory = SpeakerMemory(options.alike, options.most)
        self._sound = Sound()
        self._judged: int | None = None
        """First sample of which it is not known whether somebody speaks; None before the first."""
        self._end = 0
        self._speech: list[Range] = []
        """Where somebody speaks and it is not told who; at most the last of them goes on."""
        self._turns: list[Turn] = []
        self._told: list[Word] = []
        """Words whose transcript is still to come."""
        self._needs: Fraction | None = None
        """After a restart: from where the transcriber is to be given sound again."""

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Samples):
            start = item.index * PACKET_SAMPLES
            if self._judged is None or start != self._end:
                self._sound, self._speech, self._judged = Sound(), [], start
            self._append(item)
        return self._through(self._inner.push(item))

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        if isinstance(ask.tag, _Voices):
            self._tell(ask.tag.cells, result)
            return self._through(ask.tag.rest)
        heard: _Heard = ask.tag
        if ask.model == "vad":
            self._hear(ask, result)
            outputs = self._through(self._inner.answer(replace(ask, tag=heard.tag), result))
            waits = any(isinstance(o, Ask) and o.model == "voice" for o in outputs)
            return outputs if waits or not self._is_late() else [*outputs, *self._ask(())]
        outputs = self._inner.answer(replace(ask, tag=heard.tag), result)
        return self._say(outputs, heard.turns, self._told if ask.blocking else list(heard.words))

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return self._through(self._inner.finish(at))

    def hold(self) -> Fraction | None:
        """A transcript may be parted, and its first part end with its first word."""
        ends = [w.end for w in self._told]
        held = self._inner.hold()
        return min([*ends, *([] if held is None else [held])], default=None)

    def snapshot(self) -> tuple[Fraction | None, State]:
        needs, inner = self._inner.snapshot()
        own = None if self._judged is None else Fraction(self._oldest(), SOUND_RATE_HZ)
        state = {
            "inner": inner,
            "needs": None if needs is None else exact(needs),
            "judged": self._judged,
            "end": self._end,
            "speech": self._speech,
            "told": [fact_to_json(w) for w in self._told],
            "turns": [[exact(t.start), exact(t.end), t.speaker] for t in self._turns],
            "memory": self._memory.snapshot(),
        }
        return min((at for at in (needs, own) if at is not None), default=None), state

    def restore(self, state: State) -> None:
        self._inner.restore(state["inner"])
        self._needs = None if state["needs"] is None else Fraction(state["needs"])
        self._judged, self._end = state["judged"], state["end"]
        self._speech = [(start, end) for start, end in state["speech"]]
        self._turns = [Turn(Fraction(start), Fraction(end), speaker) for start, end, speaker in state["turns"]]
        self._told = [w for w in map(fact_from_json, state["told"]) if isinstance(w, Word)]
        self._memory.restore(state["memory"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Samples):
            self._append(item)
        if self._needs is not None and item.end > self._needs:
            self._inner.refill(item)

    def _append(self, item: Samples) -> None:
        self._sound.append(item.index * PACKET_SAMPLES, item.pcm)
        self._end = item.index * PACKET_SAMPLES + len(item.pcm)

    def _oldest(self) -> int:
        """The first sample that a window to come may use."""
        assert self._judged is not None
        return min([self._judged, *(start for start, _ in self._speech)]) - CELL_SAMPLES

    def _hear(self, ask: Ask, result: VadResult | ModelError) -> None:
        """Note where somebody speaks in the sound that was judged."""
        assert self._judged is not None
        start = self._judged
        self._judged = min(start + len(ask.item.pcm), self._end)
        for n, probability in enumerate([] if isinstance(result, ModelError) else result.probabilities.tolist()):
            first = start + n * WINDOW_SAMPLES
            last = min(first + WINDOW_SAMPLES, self._end)
            if probability >= VOICED and first < last:
                if self._speech and first - self._speech[-1][1] <= BRIDGED:
                    self._speech[-1] = (self._speech[-1][0], last)
                else:
                    self._speech.append((first, last))
        while self._speech and self._speech[0][1] - self._speech[0][0] < LEAST_SAMPLES and self._judged - self._speech[0][1] > BRIDGED:
            del self._speech[0]
        self._sound.forget(self._oldest())

    def _is_late(self) -> bool:
        """Whether sound was kept for long of which the transcriber asked nothing."""
        return bool(self._speech) and self._judged is not None and self._judged - self._speech[0][0] > LONGEST_SAMPLES

    def _ask(self, rest: Sequence[Output | Ask]) -> list[Output | Ask]:
        """Who speaks in what is not told yet; none where nobody does. `rest` waits for that."""
        if not (cells := self._cells()):
            return []
        return [Ask("voice", VoiceItem(tuple(self._window(c) for c in cells)), _Voices(tuple(cells), tuple(rest)), blocking=True)]

    def _through(self, outputs: Sequence[Output | Ask]) -> list[Output | Ask]:
        """What the transcriber says in order, with the speakers that are known now; who spoke up to now is asked first."""
        for n, output in enumerate(outputs):
            tells = isinstance(output, Transcript | Word) or (isinstance(output, Ask) and output.model != "vad")
            if tells and (ask := self._ask(outputs[n:])):
                return [*self._say(outputs[:n], self._turns, self._told), *ask]
        return self._say(outputs, self._turns, self._told)

    def _say(self, outputs: Sequence[Output | Ask], turns: Sequence[Turn], told: list[Word]) -> list[Output | Ask]:
        """`told`: words whose transcript is still to come, before and after."""
        said: list[Output | Ask] = []
        whole = {t.segment_id for t in outputs if isinstance(t, Transcript)}
        for output in outputs:
            match output:
                case Ask():
                    said.append(replace(output, tag=_Heard(output.tag, tuple(turns), () if output.blocking else tuple(told))))
                    told[:] = told if output.blocking else []
                case Transcript():
                    now = [w for w in outputs if isinstance(w, Word) and w.segment_id == output.segment_id]
                    said += told_apart(output, now, turns, told)
                case Partial():
                    said.append(replace(output, words=tuple(named(output.words, turns))))
                case Word() if output.segment_id not in whole:
                    told += named([output], turns)
                    said.append(told[-1])
                case Word():
                    pass  # is said with its transcript
                case _:
                    said.append(output)
        return said

    def _cells(self) -> list[Range]:
        """Cells of the speech of which it is not told who speaks; the shortest stretches tell nothing."""
        cells: list[Range] = []
        for start, end in self._speech:
            count = -(-(end - start) // CELL_SAMPLES) if end - start >= LEAST_SAMPLES else 0
            borders = [start + (end - start) * k // count for k in range(count + 1)] if count else []
            cells += pairwise(borders)
        return cells

    def _window(self, of: Range) -> Any:
        """float32: the sound of a cell and around it, within its stretch of speech."""
        start, end = next(s for s in self._speech if s[0] <= of[0] < s[1])
        return self._sound.read([(max(start, of[0] - CELL_SAMPLES // 2), min(end, of[1] + CELL_SAMPLES // 2))])

    def _tell(self, cells: Sequence[Range], voices: Any) -> None:
        """Who speaks in these cells; of a voice model that fails nobody knows."""
        if not isinstance(voices, ModelError):
            for (start, end), speaker in zip(cells, self._memory.tell(np.asarray(voices)), strict=True):
                span = Fraction(start, SOUND_RATE_HZ), Fraction(end, SOUND_RATE_HZ)
                last = self._turns[-1] if self._turns else None
                if last is not None and last.speaker == speaker and last.end == span[0]:
                    self._turns[-1] = Turn(last.start, span[1], speaker)
                else:
                    self._turns.append(Turn(*span, speaker))
        self._speech = []
        needed = self._inner.hold()
        if needed is not None:
            self._turns = [t for t in self._turns if t.end >= needed - 2] or self._turns[-1:]
