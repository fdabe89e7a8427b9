"""Speech written down in packs, each heard once: the cheapest way to the best words, for what need not be told at once."""

from typing import Any

from operators.errors import ModelError
from operators.facts import Word
from operators.protocols import Ask, Output, State
from operators.records import Transcript
from operators.speech.gate import Stretch
from operators.speech.options import SpeechOptions, samples
from operators.speech.packs import Pack, Packer, Packing
from operators.speech.recognition import HeardWord, SpeechItem
from operators.speech.vad import WINDOW_SAMPLES
from operators.speech.voice import Voice, speech


class PackWriter:
    """A Writer. A pack of speech goes to the recogniser once it is full or old, at a gap, and at the end; one that it can not do leaves
    only its Speech."""

    block = 32 * WINDOW_SAMPLES

    def __init__(self, options: SpeechOptions, voice: Voice) -> None:
        self._options, self._voice = options, voice
        fill, pause = samples(options.pack_s), samples(options.pause_ms / 1000)
        self._packing = Packing(fill, fill * 3 // 4, samples(options.pack_span_s), pause)
        self._packer = Packer(self._packing)

    def begin(self, at: int) -> None:
        self._packer.floor = at

    def write(self, stretches: list[Stretch], now: int) -> list[Output | Ask]:
        """Ask for what is to be written down at sample `now`."""
        outputs = self._said(stretches)
        while (count := self._packer.due(self._voice.since, now)) is not None:
            if count == 0 and self._voice.since is not None:
                at = self._voice.sound.quietest(self._packer.room(self._voice.since, now))
                outputs += self._said(self._voice.split(at))
                count = len(self._packer.speech)
            if count:
                outputs.append(self._ask(count, now))
        return outputs

    def close(self, stretches: list[Stretch], now: int) -> list[Output | Ask]:
        outputs = self.write(stretches, now)
        if self._packer.speech:
            outputs.append(self._ask(len(self._packer.speech), now))
        return outputs

    def answer(self, pack: Pack, result: Any) -> list[Output | Ask]:
        if isinstance(result, ModelError):
            return []
        outputs: list[Output | Ask] = []
        for number, (language, sentence) in enumerate(pack.said(result, self._options)):
            segment_id = f"{pack.pieces[0][0]}-{number}"
            words = tuple(written(word, language, segment_id) for word in sentence)
            text = "".join(word.text for word in sentence).strip()
            outputs += [Transcript(words[0].start, words[-1].end, segment_id, text, language, words), *words]
        return outputs

    def unwritten(self, now: int) -> int:
        first = self._packer.speech[0][0] if self._packer.speech else self._voice.since
        return now if first is None else first

    def oldest(self, now: int) -> int:
        return max(self._packer.floor, self.unwritten(now) - self._packing.pad)

    def snapshot(self) -> State:
        return {"floor": self._packer.floor, "speech": list(self._packer.speech)}

    def restore(self, state: State) -> None:
        self._packer.floor = state["floor"]
        self._packer.speech = [(start, end) for start, end in state["speech"]]

    def _said(self, stretches: list[Stretch]) -> list[Output | Ask]:
        self._packer.speech += [(s.start, s.end) for s in stretches]
        return [speech(s) for s in stretches]

    def _ask(self, count: int, now: int) -> Ask:
        pack = self._packer.take(count, self._voice.since, now)
        language, prompt = self._options.language or None, self._options.prompt
        return Ask("speech", SpeechItem(self._voice.sound.read(pack.pieces), language, prompt, pack.pauses), pack)


def written(word: HeardWord, language: str, segment_id: str) -> Word:
    return Word(word.start, word.end, word.text.strip(), word.confidence, language, segment_id)
