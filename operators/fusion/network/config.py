"""What a fusion model is made of."""

from dataclasses import dataclass, field

from operators.fusion.clip import MODALITIES
from operators.fusion.labels import LABELS

FUSIONS = ("co_attention", "joint", "late")


@dataclass
class FusionConfig:
    """fusion: how modalities meet. co_attention: in every layer of the trunk after the first third; joint: only in the writer,
    which sees the tokens of all; late: nowhere, each modality is read alone and the scores are added.

    frames, sound: "own" for the model's own encoder, or the width of the rows of another one.
    """

    fusion: str = "co_attention"
    modalities: list[str] = field(default_factory=list)
    """Empty: all."""
    frames: str | int = "own"
    sound: str | int = "own"
    labels: list[str] = field(default_factory=list)
    """Empty: those of `operators.fusion.labels`."""
    thresholds: list[float] = field(default_factory=list)
    """For each label the score from which it is an event; empty: 0.5 for all."""
    shares: list[float] = field(default_factory=list)
    """For each label the share of all time that it fills, where it was learned: a score starts there. Empty: a tenth for all."""
    vocab_size: int = 1200
    hidden_size: int = 128
    num_attention_heads: int = 4
    trunk_layers: int = 3
    writer_layers: int = 2
    text_layers: int = 2
    bottleneck: int = 8
    embedding_size: int = 64
    """Of the space in which moments and texts meet."""
    dropout: float = 0.1
    initializer_range: float = 0.02
    pad_token_id: int = 0

    def __post_init__(self) -> None:
        self.labels = list(self.labels or LABELS)
        self.modalities = list(self.modalities or MODALITIES)
        self.thresholds = list(self.thresholds or [0.5] * len(self.labels))
        self.shares = list(self.shares or [0.1] * len(self.labels))
        if self.fusion not in FUSIONS:
            raise ValueError(f"no fusion {self.fusion!r}: one of {', '.join(FUSIONS)}")
        if unknown := set(self.modalities) - set(MODALITIES):
            raise ValueError(f"no modality {min(unknown)!r}: some of {', '.join(MODALITIES)}")
        for name in ("thresholds", "shares"):
            if len(values := getattr(self, name)) != len(self.labels):
                raise ValueError(f"{len(values)} {name} for {len(self.labels)} labels")
        if not all(0 < share < 1 for share in self.shares):
            raise ValueError("shares lie between 0 and 1")
        if self.hidden_size % (4 * self.num_attention_heads):
            raise ValueError(f"hidden_size {self.hidden_size} is no multiple of four times the {self.num_attention_heads} heads")
