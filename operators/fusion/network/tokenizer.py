"""Word pieces, learned from the texts that a model is trained on; kept with its checkpoint."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer as Inner
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from operators.fusion.clip import TimedWord

PAD, BEGIN, END, UNKNOWN, CAPTION, QUESTION, ANSWER = "[PAD]", "[BOS]", "[EOS]", "[UNK]", "[CAPTION]", "[QUESTION]", "[ANSWER]"
UNSAID = '.,;:!?…"“”„«»¿¡'
"""What recognisers write about spoken words, each in its own way."""
FILE = "tokenizer.json"
SENTENCE_ENDS = (".", "?", "!")
SPECIAL = (PAD, BEGIN, END, UNKNOWN, CAPTION, QUESTION, ANSWER)


class Tokenizer:
    """Text in lower case to pieces and back. A word is spelled the same wherever it stands, so that it can be copied."""

    def __init__(self, inner: Inner) -> None:
        self.inner = inner
        self._ids: dict[str, list[int]] = {}
        self.pad, self.end, self.unknown, self.caption, self.question, self.answer = (
            self._special(t) for t in (PAD, END, UNKNOWN, CAPTION, QUESTION, ANSWER)
        )

    def _special(self, token: str) -> int:
        number = self.inner.token_to_id(token)
        if number is None:
            raise ValueError(f"its tokenizer has no {token}")
        return int(number)

    def __len__(self) -> int:
        return int(self.inner.get_vocab_size())

    @classmethod
    def learned(cls, texts: Iterable[str], size: int) -> "Tokenizer":
        """WordPiece with at most `size` pieces, those of single letters among them."""
        inner = Inner(models.WordPiece(unk_token=UNKNOWN))
        inner.normalizer = normalizers.BertNormalizer(lowercase=True)
        inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        inner.decoder = decoders.WordPiece(cleanup=True)
        alphabet = [chr(c) for c in range(33, 127)]
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False)
        inside = (2 * letter for letter in alphabet)  # each letter within a word too: any word can be spelled, and copied
        inner.train_from_iterator(itertools.chain(texts, inside), trainer)
        return cls(inner)

    @classmethod
    def load(cls, folder: Path) -> "Tokenizer":
        return cls(Inner.from_file(str(folder / FILE)))

    def save(self, folder: Path) -> None:
        self.inner.save(str(folder / FILE))

    def ids(self, text: str) -> list[int]:
        """Without special tokens."""
        if text not in self._ids:
            if len(self._ids) > 100_000:
                self._ids.clear()
            self._ids[text] = self.inner.encode(text, add_special_tokens=False).ids
        return self._ids[text]

    def text(self, ids: Sequence[int], words: Sequence[TimedWord] = ()) -> str:
        """A sentence of pieces, up to the end token. Names and signs among `words` are written as there."""
        whole = list(ids)
        whole = whole[: whole.index(self.end)] if self.end in whole else whole
        plain = self.inner.decode(whole, skip_special_tokens=True)
        signs = {w.text.casefold(): w.text for w in words if w.kind == "seen"}
        return written(plain, self._names([w.text for w in words if w.kind == "spoken"]), signs)

    def sentences(self, ids: Sequence[int]) -> list[slice]:
        """Where each sentence lies; a mark ends none within quotation marks, before another mark or before a number."""
        pieces = [self.inner.id_to_token(n) for n in ids]
        found, begin, quoted = [], 0, False
        for n, piece in enumerate(pieces):
            quoted ^= piece == '"'
            after = pieces[n + 1] if n + 1 < len(pieces) else ""
            if not after or (piece in SENTENCE_ENDS and not quoted and after not in SENTENCE_ENDS and not after[:1].isdigit()):
                found.append(slice(begin, n + 1))
                begin = n + 1
        return found

    def _names(self, spoken: Sequence[str]) -> dict[str, str]:
        """By their lower case. A capital says nothing where a recogniser begins a sentence, but of a word that is new."""
        plain = not any(w.endswith(SENTENCE_ENDS) for w in spoken)
        names: dict[str, str] = {}
        for before, word in itertools.pairwise([".", *spoken]):
            bare = word.strip(UNSAID)
            if not bare.islower() and (plain or not before.endswith(SENTENCE_ENDS) or len(self.ids(bare)) > 1):
                names[bare.casefold()] = bare
        return names


def written(text: str, names: Mapping[str, str], signs: Mapping[str, str]) -> str:
    """Lower-case pieces as one writes them: capitals of names, of signs where one is quoted or is all there is, and of sentences; closed
    quotation marks."""
    text = re.sub(r"\w+", lambda m: names.get(m[0], m[0]), text)
    text = re.sub(r'"\s*([^"]*?)\s*"', lambda m: f'"{_as_signed(m[1], signs)}"', text)
    text = _as_signed(text, signs) if all(w in signs for w in text.casefold().split()) else text
    text = re.sub(r"\s+([.,;:!?])", r"\1", text).strip()
    return re.sub(r"(^|[.!?]\s+)(\w)", lambda m: m[1] + m[2].upper(), text)


def _as_signed(text: str, signs: Mapping[str, str]) -> str:
    return " ".join(signs.get(word.casefold(), word) for word in text.split())
