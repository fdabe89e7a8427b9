"""Translation between any two of a hundred languages by M2M100 (Fan et al., Beyond English-Centric Multilingual Translation, 2021)."""

from collections.abc import Sequence

from operators.errors import ModelError
from operators.sentences import Sentence, Translation, primary
from operators.translation.checkpoint import Begun, Checkpoint
from operators.translation.options import TranslatorOptions
from operators.translation.translating import translate

LANGUAGES = (
    "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht hu hy id ig ilo is it ja "
    "jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru sd si sk sl so sq sr ss su sv sw ta th "
    "tl tn tr uk ur uz vi wo xh yi yo zh zu"
)


class M2m100Translator:
    """A BatchOperator: Sentence -> Translation. Before the sentence stands the token of its language; that of the other comes first
    in the translation."""

    Options = TranslatorOptions
    languages = frozenset(LANGUAGES.split())

    def __init__(self, options: TranslatorOptions) -> None:
        self.options = options
        self._checkpoint: Checkpoint | None = None

    def open(self, device: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._checkpoint = Checkpoint("m2m_100", self.options, device)

    def __call__(self, items: Sequence[Sentence]) -> list[Translation | Exception]:
        assert self._checkpoint is not None
        return translate(self._checkpoint, items, self._begin, self.options.beams)

    def close(self) -> None:
        self._checkpoint = None

    def _begin(self, item: Sentence) -> Begun:
        assert self._checkpoint is not None
        for language in (item.language, item.into):
            if primary(language) not in self.languages:
                raise ModelError(f"M2M100 does not know the language {language!r}: {item.text!r} is not translated into {item.into}")
        tokenizer = self._checkpoint.tokenizer
        tokenizer.src_lang = primary(item.language)
        return Begun(tuple(tokenizer(item.text).input_ids), (tokenizer.get_lang_id(primary(item.into)),), silent=1)
