"""How far the probability of a sentence tells whether it is true, on made clips: what is said is true if it is, to the letter, one of the
sentences that tell its stretch.

python tests/bench/fusion_confidence.py MODEL DATA [--clips 160]

DATA is a corpus (`capstream corpus`). Prints, for the probability of the whole sentence and for its geometric mean over the words, how
often a true sentence has more than a false one (AUC), and for thresholds what is said and how much of it is true.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from operators.fusion.corpus.grammar import tell
from operators.fusion.network.checkpoint import load
from operators.fusion.network.readout import Reader
from pipeline.clip_cache import load_examples
from pipeline.corpus_command import made_in

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def told(model: Path, data: Path, clips: int) -> Iterator[tuple[str, float, int, bool]]:
    """(sentence, its probability, its number of words, whether it is true)."""
    net, tokenizer = load(model)
    corpus = made_in(data)
    for n, example in enumerate(load_examples(data, net.config.labels, print)[:clips]):
        script = corpus.script(n)
        said = Reader(net, tokenizer, [example.clip]).captions([(0, shot.span) for shot in script.shots])
        for shot, several in zip(script.shots, said, strict=True):
            true = tell(script, shot).casefold()
            for sentence in several.sentences:
                yield sentence.text, sentence.confidence, len(sentence.text.split()), sentence.text.casefold() in true


def area(scores: np.ndarray, true: np.ndarray) -> float:
    """Under the ROC curve (Mann and Whitney's U)."""
    ranks = np.argsort(np.argsort(scores)) + 1
    positive, negative = true.sum(), (~true).sum()
    return float((ranks[true].sum() - positive * (positive + 1) / 2) / (positive * negative))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--clips", type=int, default=160)
    given = parser.parse_args()
    found = list(told(given.model, given.data, given.clips))
    chance, words, true = (np.array(column) for column in list(zip(*found, strict=True))[1:])
    print(f"{len(found)} sentences, {true.mean():.2f} of them true")
    print(f"AUC: {area(chance, true):.2f}; by the mean over words: {area(chance ** (1 / words), true):.2f}")
    for least in THRESHOLDS:
        said = chance >= least
        print(f"from {least:.2f} on: {said.mean():.2f} said, {true[said].mean():.2f} of them true")


if __name__ == "__main__":
    main()
