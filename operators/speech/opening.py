"""How recognisers of transformers are opened: from a local directory, safetensors only, without code of its makers."""

from typing import Any, Protocol

from operators.errors import ModelUnavailable


class CheckpointOptions(Protocol):
    @property
    def model(self) -> str: ...
    @property
    def dtype(self) -> str: ...


def open_checkpoint(kind: str, options: CheckpointOptions, threads: int, what: str) -> tuple[Any, Any, Any]:
    """(model, feature extractor, tokenizer) of a directory. kind: the name of transformers' auto class; what: as which it is opened, for
    the error. Raises ModelUnavailable."""
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.logging.disable_progress_bar()
    here = {"local_files_only": True, "trust_remote_code": False}
    try:
        dtype = getattr(torch, options.dtype)
        model = getattr(transformers, kind).from_pretrained(options.model, use_safetensors=True, dtype=dtype, **here)
        extractor = transformers.AutoFeatureExtractor.from_pretrained(options.model, **here)
        tokenizer = transformers.AutoTokenizer.from_pretrained(options.model, **here)
    except (OSError, ValueError, AttributeError, RuntimeError) as e:
        raise ModelUnavailable(f"{options.model!r} is no {what} that can be opened: {e}") from e
    return model, extractor, tokenizer
