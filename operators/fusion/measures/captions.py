"""Captions against references."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence

Grams = Counter[tuple[str, ...]]

LONGEST_GRAM = 4
CIDER_SIGMA = 6.0
METEOR_ALPHA, METEOR_BETA, METEOR_GAMMA = 0.9, 3.0, 0.5


def words(text: str) -> list[str]:
    """In lower case, punctuation left out."""
    return re.findall(r"\w+", text.casefold())


def cider(said: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """CIDEr-D (Vedantam et al., CVPR 2015) of each text, 0-10: cosine of n-gram counts, weighed by how rare each n-gram is among all
    references, clipped, with a penalty for another length; mean over n = 1 to 4 and the references."""
    told = [[_grams(r) for r in several] for several in references]
    documents: Counter[tuple[str, ...]] = Counter()
    for several in told:
        documents.update({gram for grams in several for gram in grams})
    whole = math.log(max(len(told), 2))
    return [_cider(_grams(text), several, documents, whole) for text, several in zip(said, told, strict=True)]


def _cider(said: Grams, several: Sequence[Grams], documents: Grams, whole: float) -> float:
    def weighed(grams: Grams, n: int) -> dict[tuple[str, ...], float]:
        return {g: c * (whole - math.log(max(1, documents[g]))) for g, c in grams.items() if len(g) == n}

    total = 0.0
    length = sum(c for g, c in said.items() if len(g) == 1)
    for reference in several:
        apart = length - sum(c for g, c in reference.items() if len(g) == 1)
        penalty = math.exp(-(apart**2) / (2 * CIDER_SIGMA**2))
        for n in range(1, LONGEST_GRAM + 1):
            own, other = weighed(said, n), weighed(reference, n)
            norm = math.sqrt(sum(v * v for v in own.values()) * sum(v * v for v in other.values()))
            shared = sum(min(v, other[g]) * other[g] for g, v in own.items() if g in other)
            total += penalty * shared / norm if norm else 0.0
    return 10 * total / (LONGEST_GRAM * max(1, len(several)))


def _grams(text: str) -> Grams:
    tokens = words(text)
    return Counter(tuple(tokens[i : i + n]) for n in range(1, LONGEST_GRAM + 1) for i in range(len(tokens) - n + 1))


def meteor(said: str, references: Sequence[str]) -> float:
    """METEOR (Banerjee and Lavie 2005), 0-1, with its first stage alone: words match where they are the same, for its synonyms need
    WordNet. The best over the references."""
    return max((_meteor(words(said), words(r)) for r in references), default=0.0)


def _meteor(said: Sequence[str], reference: Sequence[str]) -> float:
    pairs = _aligned(said, reference)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(said), len(pairs) / len(reference)
    mean = precision * recall / (METEOR_ALPHA * precision + (1 - METEOR_ALPHA) * recall)
    chunks = 1 + sum(b != (a[0] + 1, a[1] + 1) for a, b in itertools.pairwise(pairs))
    return float(mean * (1 - METEOR_GAMMA * (chunks / len(pairs)) ** METEOR_BETA))


def _aligned(said: Sequence[str], reference: Sequence[str]) -> list[tuple[int, int]]:
    """Places of the same words, each used once: one that goes on the run before it is taken before any other."""
    free: dict[str, list[int]] = {}
    for place, word in enumerate(reference):
        free.setdefault(word, []).append(place)
    pairs: list[tuple[int, int]] = []
    for place, word in enumerate(said):
        if places := free.get(word):
            following = pairs[-1][1] + 1 if pairs else 0
            taken = following if following in places else places[0]
            places.remove(taken)
            pairs.append((place, taken))
    return pairs
