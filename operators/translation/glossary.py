"""Terms that a translation has to hold, put where the model finds them least out of place.

A translation that lacks a term is made again with it: at the beginning of each of its words in turn what stands before is kept, the term
follows, and the model goes on from there. Of all these the likeliest (mean log-probability of the tokens, the term's own among
them) is taken. So the term is there whatever the model thinks of it, and what follows is made to fit; unlike placeholders, nothing
that is no language goes through the model. It costs one greedy batch for each term that the model does not choose by itself.
"""

from collections.abc import Sequence

from operators.sentences import Term, holds
from operators.translation.checkpoint import Begun, Checkpoint, Ended

AT_ONCE = 32
"""Places that are tried in one batch."""


def with_terms(checkpoint: Checkpoint, begun: Begun, plain: Ended, terms: Sequence[Term]) -> tuple[Ended, tuple[Term, ...]]:
    """A translation that holds as many of `terms` as can be, and those that it does not. Raises OutOfMemory."""
    best, kept, lost = plain, [t for t in terms if _held(checkpoint, plain, t)], []
    for term in terms:
        if term in kept:
            continue
        tried = [e for e in _tries(checkpoint, begun, best, term) if e.whole and all(_held(checkpoint, e, t) for t in [*kept, term])]
        if tried:
            best = max(tried, key=lambda e: e.score)
            kept.append(term)
        else:
            lost.append(term)
    return best, tuple(lost)


def _held(checkpoint: Checkpoint, ended: Ended, term: Term) -> bool:
    return holds(checkpoint.text(ended.tokens), term.target, ending=True)


def _tries(checkpoint: Checkpoint, begun: Begun, ended: Ended, term: Term) -> list[Ended]:
    """The term at the beginning of each word, and at the end. Languages without spaces have a word at every token."""
    tokens, added = ended.tokens, checkpoint.target_tokens(term.target)
    places = [n for n, token in enumerate(tokens) if n == 0 or checkpoint.begins_word(token)]
    spaced = len(places) > 1 or len(tokens) < 2
    silent = begun.start[: begun.silent]
    starts = [(*silent, *tokens[:n], *added) for n in [*(places if spaced else range(len(tokens))), len(tokens)]]
    fits = [Begun(begun.source, start, begun.silent) for start in starts if len(start) < checkpoint.most_tokens - 1]
    return [e for n in range(0, len(fits), AT_ONCE) for e in checkpoint.finish(fits[n : n + AT_ONCE], beams=1)]
