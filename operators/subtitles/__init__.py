"""Subtitles: words to cues by a delivery style, and the formats they are written in."""

from operators.subtitles.cutter import SubtitleCutter, SubtitleOptions
from operators.subtitles.formats import FORMATS, Cue

__all__ = ["FORMATS", "Cue", "SubtitleCutter", "SubtitleOptions"]
