"""Detectors of events: stream operators; only the fused one asks a model. Each says Event records of one origin; add yours to the table."""

from operators.events.black import BlackDetector
from operators.events.covered import CoveredDetector
from operators.events.frozen import FrozenDetector
from operators.events.fused import FusedDetector
from operators.events.impulse import ImpulseDetector
from operators.events.keywords import KeywordSpotter
from operators.events.light import LightDetector
from operators.events.motion import MotionDetector
from operators.events.silence import SilenceDetector
from operators.events.siren import SirenDetector
from operators.events.speech import SpeechPresence
from operators.events.text import TextWatcher
from operators.protocols import StreamOperator

DETECTORS: dict[str, type[StreamOperator]] = {
    "look.black": BlackDetector,
    "look.frozen": FrozenDetector,
    "look.covered": CoveredDetector,
    "look.motion": MotionDetector,
    "look.light": LightDetector,
    "listen.silence": SilenceDetector,
    "listen.impulse": ImpulseDetector,
    "listen.siren": SirenDetector,
    "narrate.speech": SpeechPresence,
    "narrate.keywords": KeywordSpotter,
    "narrate.text": TextWatcher,
    "narrate.fused": FusedDetector,
}
