"""Which number format is fastest on this machine: measured, for names and vendors do not tell."""

from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

from operators.media import Pcm
from pipeline.models import cached

WHISPER = "whisper-base"
WINDOW_S = 30
TOKENS = 64
PROMPT = [50258, 50259, 50359, 50363]
"""Whisper's tokens for: begin, English, transcribe, no timestamps."""
END_OF_TEXT = 50257
ROUNDS = 3
SIDE = 1024
SPEECH, MATRICES = f"{WHISPER}, {WINDOW_S} s", "torch, matrices"


def measure(threads: int, device: str) -> Iterator[tuple[str, str, float]]:
    """(what for, number format, seconds), for each format that can be had. A window of Whisper base through CTranslate2, where it
    is fetched; and a product of matrices in torch, which stands for all that runs through transformers."""
    yield from _torch(threads, device)
    if WHISPER in cached():
        yield from _whisper(str(cached()[WHISPER]), threads, device)


def _whisper(folder: str, threads: int, device: str) -> Iterator[tuple[str, str, float]]:
    """The encoder, and a fixed number of tokens: the end of the text is suppressed, so that every format does the same work."""
    import ctranslate2

    for name in sorted(ctranslate2.get_supported_compute_types(device)):
        model = ctranslate2.models.Whisper(folder, device=device, compute_type=name, intra_threads=threads)
        mel = np.zeros((1, model.n_mels, 100 * WINDOW_S), np.float32)

        def write(model: ctranslate2.models.Whisper = model, mel: Pcm = mel) -> None:
            features = ctranslate2.StorageView.from_array(mel)
            model.generate(features, [PROMPT], beam_size=1, max_length=TOKENS, suppress_tokens=[END_OF_TEXT], suppress_blank=False)

        yield SPEECH, name, _best(write)


def _torch(threads: int, device: str) -> Iterator[tuple[str, str, float]]:
    import torch

    torch.set_num_threads(threads)
    for name in ("float32", "bfloat16", *(["float16"] if device == "cuda" else [])):
        matrix = torch.ones(SIDE, SIDE, dtype=getattr(torch, name), device=device)

        def multiply(matrix: torch.Tensor = matrix) -> None:
            product = matrix
            for _ in range(ROUNDS):
                product = matrix @ product
            product.sum().item()

        yield MATRICES, name, _best(multiply)


def _best(work: Callable[[], None]) -> float:
    """Of some rounds after one that warms up; seconds."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)
