"""What translators have in common: their options."""

from dataclasses import dataclass

from operators.errors import ConfigError

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class TranslatorOptions:
    model: str = ""
    """Folder of a checkpoint, its weights as safetensors."""
    dtype: str = "float32"
    """float32 | bfloat16 | float16"""
    beams: int = 4
    """Of beam search; 1 is greedy. Nothing is ever sampled."""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"no number format {self.dtype!r} for a translator: one of {', '.join(DTYPES)}")
        if not 1 <= self.beams <= 16:
            raise ConfigError(f"beam search has 1 to 16 beams, not {self.beams}")
