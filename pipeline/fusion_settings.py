"""What the fusion model's operators need of each other and of its checkpoint, told before anything runs."""

import json
from pathlib import Path
from typing import Any

from operators.errors import ConfigError
from operators.fusion import FUSION, SHIPPED
from pipeline.plan import LaneName
from pipeline.settings import Chosen, Lanes, Settings, choose_model

ROWS: dict[LaneName, str] = {"look": "frames", "listen": "sound"}
"""By lane: what a checkpoint's config calls the rows that it keeps."""


def check_fusion(lanes: Lanes, settings: Settings) -> None:
    """Raises ConfigError where what is asked of the model can not be had of these lanes, or of it."""
    asking = [c for c in lanes["narrate"] if "fusion" in c.cls.models]
    if not asking:
        return
    place, config = asking[0].place, _config(settings)
    rows = [(lane, c) for lane in ROWS for c in lanes[lane] if c.cls.origin == f"{lane}.features"]
    if not rows:
        raise ConfigError(f"{place} has nothing to look at or listen to: set look.features.use=fusion and listen.features.use=fusion")
    for lane, features in rows:
        if config.get(ROWS[lane], "own") == "own" and features.cls is not FUSION[features.cls.origin]:
            origin = features.cls.origin
            raise ConfigError(f"{place} reads rows of the model's own encoders: set {origin}.use=fusion, or leave {origin} out")
    for narrator in asking:
        _check_labels(narrator, config)


def _check_labels(narrator: Chosen, config: dict[str, Any]) -> None:
    known = config.get("labels", [])
    unknown = sorted(set(getattr(narrator.options, "labels", ())) - set(known))
    if known and unknown:
        raise ConfigError(f"{narrator.place}.labels: the fusion model knows no event {unknown[0]!r}; it knows {', '.join(known)}")


def _config(settings: Settings) -> dict[str, Any]:
    """Empty where there is none: what is wrong with a checkpoint is told when it is loaded."""
    model = choose_model("fusion", settings)
    path = Path((model and model.options.model) or SHIPPED) / "config.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
