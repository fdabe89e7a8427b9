"""Fusion: the model that looks, listens and reads, its corpus, training and measures. `FUSION`: what a profile may put in its places."""

from operators.fusion.listening import FusionSound
from operators.fusion.looking import FusionFrames
from operators.fusion.reader import SHIPPED, FusionReader

FUSION = {"look.features": FusionFrames, "listen.features": FusionSound, "model": FusionReader}

__all__ = ["FUSION", "SHIPPED", "FusionFrames", "FusionReader", "FusionSound"]
