"""Sound: what a signal measures, log-mel features, and what a sound model hears."""

from operators.sound.measurer import SoundMeasurer

__all__ = ["SoundMeasurer"]
