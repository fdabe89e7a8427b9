"""How near the extraction of picture features comes to the bare forward pass of its encoder. Needs torch, transformers and numpy alone.

    python tests/bench/gpu_features.py [MODEL] [--device cuda] [--dtype bfloat16] [--batches 1 2 4 …]

Without MODEL a SigLIP base of patch 16 and 224 pixels with weights by chance: they cost the same. Exit 1 where extraction, pictures of
512 x 288 in main memory to rows in main memory, reaches less than 0.8 of the best batch's bare rate.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import AutoImageProcessor, AutoModel, SiglipConfig, SiglipImageProcessorPil, SiglipModel

sys.path.insert(0, str(Path(__file__).parents[2]))
from operators.vision.preparing import Preparer

BOUND, ROUNDS, LEAST_S = 0.8, 5, 0.5


def rate(work: Callable[[], object], count: int, device: str) -> float:
    """Pictures a second, the median of some rounds after one that warms up."""
    work()
    rates = []
    for _ in range(ROUNDS):
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < LEAST_S:
            work()
            done += count
            if device != "cpu":
                torch.cuda.synchronize()
        rates.append(done / (time.perf_counter() - start))
    return statistics.median(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64, 128, 256])
    args = parser.parse_args()
    model = AutoModel.from_pretrained(args.model, use_safetensors=True) if args.model else SiglipModel(SiglipConfig())
    processor = AutoImageProcessor.from_pretrained(args.model, backend="pil") if args.model else SiglipImageProcessorPil()
    model = model.to(args.device, getattr(torch, args.dtype)).eval()
    prepare = Preparer(processor, args.device, model.dtype)
    pictures = list(np.random.default_rng(0).integers(0, 255, (max(args.batches), 288, 512, 3), dtype=np.uint8))

    def extract(count: int) -> object:
        rows = model.get_image_features(pixel_values=prepare(pictures[:count])).pooler_output.float()
        return torch.nn.functional.normalize(rows, dim=-1).cpu().numpy()

    with torch.inference_mode():
        bare = {}
        for count in args.batches:
            ready = partial(model.get_image_features, pixel_values=prepare(pictures[:count]))
            bare[count] = rate(ready, count, args.device)
            extracted = rate(partial(extract, count), count, args.device)
            print(f"batch {count}: {bare[count]:.0f} pictures/s bare, {extracted:.0f} extracted", flush=True)
        best = max(bare, key=lambda n: bare[n])
        share = rate(partial(extract, best), best, args.device) / bare[best]
    print(f"{args.device}, {args.dtype}: {share:.2f} of the bare rate at batch {best}")
    sys.exit(0 if share >= BOUND else 1)


if __name__ == "__main__":
    main()
