"""Sound: what a signal measures, log-mel features, and what a sound model hears."""

from operators.sound.encoder import SoundEncoder
from operators.sound.measurer import SoundMeasurer
from operators.sound.mel import LogMelFeatures
from operators.sound.tagger import SoundFeatures, SoundTagger

__all__ = ["LogMelFeatures", "SoundEncoder", "SoundFeatures", "SoundMeasurer", "SoundTagger"]
