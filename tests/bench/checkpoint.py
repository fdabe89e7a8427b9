"""The transformers checkpoint of Whisper base, made of its CTranslate2 form: the same weights for both recognisers, and no hub needed.

Only for tests and benchmarks: the sizes are those of Whisper base.
"""

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, LAYERS, HEADS = 512, 6, 8
DTYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
SPECIAL = {"bos_token_id": 50257, "eos_token_id": 50257, "pad_token_id": 50257, "decoder_start_token_id": 50258}
Q, K, V = (slice(n * WIDTH, (n + 1) * WIDTH) for n in range(3))
"""Rows of CTranslate2's joined projections."""


class _Reader:
    """CTranslate2's format, version 6: little-endian numbers, text with its length before it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from(f"<{kind}", self.data, self.at)
        self.at += struct.calcsize(kind)
        return int(value)

    def text(self) -> str:
        length = self.number("H")
        self.at += length
        return self.data[self.at - length : self.at].rstrip(b"\0").decode()

    def variables(self) -> dict[str, np.ndarray]:
        assert self.number("I") == 6
        self.text(), self.number("I")
        found: dict[str, np.ndarray] = {}
        for _ in range(self.number("I")):
            name = self.text()
            shape = [self.number("I") for _ in range(self.number("B"))]
            dtype, size = np.dtype(DTYPES[self.number("B")]), self.number("I")
            found[name] = np.frombuffer(self.data, dtype, size // dtype.itemsize, self.at).reshape(shape)
            self.at += size
        return found


def make_checkpoint(ctranslate2: Path, into: Path) -> Path:
    """Write the checkpoint (float32) unless it is there, and return its folder."""
    if (into / "model.safetensors").exists():
        return into
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizerFast

    fresh = into.with_name(f".{into.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    sizes = {
        f"{side}_{what}": n
        for side in ("encoder", "decoder")
        for what, n in (("layers", LAYERS), ("attention_heads", HEADS), ("ffn_dim", 4 * WIDTH))
    }
    model = WhisperForConditionalGeneration(WhisperConfig(vocab_size=51865, d_model=WIDTH, **sizes, **SPECIAL))
    weights = {
        n: torch.from_numpy(np.array(a, np.float32))
        for n, a in _renamed(_Reader((ctranslate2 / "model.bin").read_bytes()).variables()).items()
    }
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected
    assert missing == ["proj_out.weight"]
    model.tie_weights()
    tokenizer = WhisperTokenizerFast(tokenizer_file=str(ctranslate2 / "tokenizer.json"))
    model.generation_config = GenerationConfig(**_generation(json.loads((ctranslate2 / "config.json").read_text()), tokenizer), **SPECIAL)
    model.save_pretrained(fresh)
    tokenizer.save_pretrained(fresh)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(fresh)
    fresh.rename(into)
    return into


def _generation(settings: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    names = tokenizer.get_added_vocab()
    return {
        "max_length": 448,
        "is_multilingual": True,
        "lang_to_id": {name: n for name, n in names.items() if n in set(settings["lang_ids"])},
        "task_to_id": {"translate": names["<|translate|>"], "transcribe": names["<|transcribe|>"]},
        "no_timestamps_token_id": names["<|notimestamps|>"],
        "prev_sot_token_id": names["<|startofprev|>"],
        "max_initial_timestamp_index": 50,
        "suppress_tokens": settings["suppress_ids"],
        "begin_suppress_tokens": settings["suppress_ids_begin"],
        "alignment_heads": settings["alignment_heads"],
    }


def _renamed(v: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    out = {"model.decoder.embed_tokens.weight": v["decoder/embeddings/weight"]}
    for conv in ("conv1", "conv2"):
        out |= _linear(v, f"encoder/{conv}", f"model.encoder.{conv}")
    for side in ("encoder", "decoder"):
        out[f"model.{side}.embed_positions.weight"] = v[f"{side}/position_encodings/encodings"]
        out |= _norm(v, f"{side}/layer_norm", f"model.{side}.layer_norm")
        for n in range(LAYERS):
            out |= _layer(v, f"{side}/layer_{n}", f"model.{side}.layers.{n}")
    return out


def _layer(v: dict[str, np.ndarray], theirs: str, ours: str) -> dict[str, np.ndarray]:
    out = _norm(v, f"{theirs}/self_attention/layer_norm", f"{ours}.self_attn_layer_norm")
    for name, rows in (("q_proj", Q), ("k_proj", K), ("v_proj", V)):
        out |= _linear(v, f"{theirs}/self_attention/linear_0", f"{ours}.self_attn.{name}", rows)
    out |= _linear(v, f"{theirs}/self_attention/linear_1", f"{ours}.self_attn.out_proj")
    if "decoder" in theirs:
        out |= _norm(v, f"{theirs}/attention/layer_norm", f"{ours}.encoder_attn_layer_norm")
        for name, linear, rows in (("q_proj", 0, slice(None)), ("k_proj", 1, Q), ("v_proj", 1, K), ("out_proj", 2, slice(None))):
            out |= _linear(v, f"{theirs}/attention/linear_{linear}", f"{ours}.encoder_attn.{name}", rows)
    out |= _norm(v, f"{theirs}/ffn/layer_norm", f"{ours}.final_layer_norm")
    for n in (0, 1):
        out |= _linear(v, f"{theirs}/ffn/linear_{n}", f"{ours}.fc{n + 1}")
    return out


def _norm(v: dict[str, np.ndarray], theirs: str, ours: str) -> dict[str, np.ndarray]:
    return {f"{ours}.weight": v[f"{theirs}/gamma"], f"{ours}.bias": v[f"{theirs}/beta"]}


def _linear(v: dict[str, np.ndarray], theirs: str, ours: str, rows: slice = slice(None)) -> dict[str, np.ndarray]:
    """Key projections have no bias in Whisper."""
    weight = {f"{ours}.weight": v[f"{theirs}/weight"][rows]}
    return weight if ours.endswith("k_proj") else weight | {f"{ours}.bias": v[f"{theirs}/bias"][rows]}
