"""A batch of sentences through a checkpoint; how an architecture is told of languages is its translator's own."""

from collections.abc import Callable, Sequence
from math import exp

from operators.errors import ModelError
from operators.sentences import Sentence, Translation
from operators.translation.checkpoint import Begun, Checkpoint, Ended
from operators.translation.glossary import with_terms


def translate(
    checkpoint: Checkpoint, items: Sequence[Sentence], begin: Callable[[Sentence], Begun], beams: int
) -> list[Translation | Exception]:
    """`begin` raises ModelError where a sentence is in a language, or for one, that the checkpoint does not know."""
    results: dict[int, Translation | Exception] = {}
    begun: dict[int, Begun] = {}
    for n, item in enumerate(items):
        try:
            begun[n] = _fitting(checkpoint, begin(item), item)
        except ModelError as e:
            results[n] = e
    ended = checkpoint.finish(list(begun.values()), beams) if begun else []
    for (n, b), plain in zip(begun.items(), ended, strict=True):
        results[n] = _translation(checkpoint, items[n], b, plain)
    return [results[n] for n in range(len(items))]


def _fitting(checkpoint: Checkpoint, begun: Begun, item: Sentence) -> Begun:
    if len(begun.source) > checkpoint.most_tokens:
        told = f"{len(begun.source)} tokens are too long for the translator, which takes {checkpoint.most_tokens}"
        raise ModelError(f"{told}: {item.text!r}")
    return begun


def _translation(checkpoint: Checkpoint, item: Sentence, begun: Begun, plain: Ended) -> Translation | Exception:
    if not plain.whole:
        return ModelError(f"the translation into {item.into} came to no end: {item.text!r}")
    best, lost = with_terms(checkpoint, begun, plain, item.terms) if item.terms else (plain, ())
    text = checkpoint.text(best.tokens)
    return Translation(text, exp(best.score), lost) if text else ModelError(f"the translation into {item.into} is empty: {item.text!r}")
