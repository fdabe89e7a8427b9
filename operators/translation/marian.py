"""Translation by Marian models (Junczys-Dowmunt et al., Marian, 2018) such as OPUS-MT: of one pair of languages, or into a few."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from operators.errors import ModelError
from operators.sentences import Sentence, Translation, primary
from operators.translation.checkpoint import Begun, Checkpoint
from operators.translation.options import TranslatorOptions
from operators.translation.translating import translate


@dataclass(frozen=True, slots=True)
class MarianOptions(TranslatorOptions):
    codes: dict[str, str] = field(default_factory=dict)
    """What the checkpoint calls languages, where it does otherwise: {de = "deu"}."""


class MarianTranslator:
    """A BatchOperator: Sentence -> Translation. A model for several targets is told which by a token in front (>>deu<<); one for a
    single target has to be for the sentence's. Which languages it reads it says itself only where it reads one."""

    Options = MarianOptions

    def __init__(self, options: MarianOptions) -> None:
        self.options = options
        self._checkpoint: Checkpoint | None = None

    def open(self, device: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._checkpoint = Checkpoint("marian", self.options, device)

    def __call__(self, items: Sequence[Sentence]) -> list[Translation | Exception]:
        assert self._checkpoint is not None
        return translate(self._checkpoint, items, self._begin, self.options.beams)

    def close(self) -> None:
        self._checkpoint = None

    def _begin(self, item: Sentence) -> Begun:
        assert self._checkpoint is not None
        tokenizer = self._checkpoint.tokenizer
        source, into = (self.options.codes.get(primary(name), primary(name)) for name in (item.language, item.into))
        reads, writes, targets = tokenizer.source_lang, tokenizer.target_lang, tokenizer.supported_language_codes
        alone = reads is not None and (len(reads) == 2 or reads in self.options.codes.values())
        fits = f">>{into}<<" in targets if targets else writes in (None, into)
        if not fits or (alone and reads != source):
            told = ", ".join(code.strip("<>") for code in targets[:20]) or writes
            raise ModelError(f"this Marian model translates {reads} into {told}, not {source} into {into}; models.translation.marian.codes")
        return Begun(tuple(tokenizer(f">>{into}<< {item.text}" if targets else item.text).input_ids))
