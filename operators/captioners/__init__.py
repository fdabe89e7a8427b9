"""Captioners: a Scene in, a Description out. Each is a BatchOperator; its `Options` are its settings in a profile."""

from operators.captioners.describer import Describer, DescriberOptions
from operators.captioners.fused import FusedDescriber, FusedDescriberOptions
from operators.captioners.image_text import ImageTextCaptioner
from operators.captioners.plain import PlainCaptioner
from operators.captioners.scene import Description, Scene

CAPTIONERS = {"plain": PlainCaptioner, "image_text": ImageTextCaptioner}

__all__ = [
    "CAPTIONERS", "Describer", "DescriberOptions", "Description", "FusedDescriber", "FusedDescriberOptions", "ImageTextCaptioner",
    "PlainCaptioner", "Scene",
]  # fmt: skip
