"""Word pieces, learned from the texts that a model is trained on; kept with its checkpoint in transformers' form."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

PAD, BEGIN, END, UNKNOWN, CAPTION, QUESTION, ANSWER = "[PAD]", "[BOS]", "[EOS]", "[UNK]", "[CAPTION]", "[QUESTION]", "[ANSWER]"
SPECIAL = (PAD, BEGIN, END, UNKNOWN, CAPTION, QUESTION, ANSWER)


class Tokenizer:
    """Text in lower case to pieces and back. A word is spelled the same wherever it stands, so that it can be copied."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self._ids: dict[str, list[int]] = {}
        self.pad, self.end = inner.convert_tokens_to_ids(PAD), inner.convert_tokens_to_ids(END)
        self.caption, self.question, self.answer = (inner.convert_tokens_to_ids(t) for t in (CAPTION, QUESTION, ANSWER))

    def __len__(self) -> int:
        return len(self.inner)

    @classmethod
    def learned(cls, texts: Iterable[str], size: int) -> "Tokenizer":
        """WordPiece with at most `size` pieces, those of single letters among them."""
        from tokenizers import Tokenizer as Inner
        from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

        inner = Inner(models.WordPiece(unk_token=UNKNOWN))
        inner.normalizer = normalizers.BertNormalizer(lowercase=True)
        inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        inner.decoder = decoders.WordPiece(cleanup=True)
        alphabet = [chr(c) for c in range(33, 127)]
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False)
        inner.train_from_iterator(texts, trainer)
        return cls(PreTrainedTokenizerFast(tokenizer_object=inner, pad_token=PAD, bos_token=BEGIN, eos_token=END, unk_token=UNKNOWN))

    @classmethod
    def load(cls, folder: Path) -> "Tokenizer":
        return cls(PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True))

    def save(self, folder: Path) -> None:
        self.inner.save_pretrained(folder)

    def ids(self, text: str) -> list[int]:
        """Without special tokens."""
        if text not in self._ids:
            if len(self._ids) > 100_000:
                self._ids.clear()
            self._ids[text] = self.inner.encode(text, add_special_tokens=False)
        return self._ids[text]

    def text(self, ids: Sequence[int], words: Iterable[str] = ()) -> str:
        """A sentence of pieces, up to the end token. Words that are among `words` are written as there."""
        whole = list(ids)
        whole = whole[: whole.index(self.end)] if self.end in whole else whole
        plain = self.inner.decode(whole, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return written(plain, words)


def written(text: str, words: Iterable[str]) -> str:
    """Lower-case pieces as one writes them: capitals of the words heard and seen, of sentences, and closed quotation marks."""
    surfaces = {w.casefold(): w for w in words if not w.islower()}
    text = re.sub(r"\w+", lambda m: surfaces.get(m[0], m[0]), text)
    text = re.sub(r'"\s*([^"]*?)\s*"', r'"\1"', text)
    text = re.sub(r"\s+([.,;:!?])", r"\1", text).strip()
    return re.sub(r"(^|[.!?]\s+)(\w)", lambda m: m[1] + m[2].upper(), text)
