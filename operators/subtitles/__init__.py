"""Subtitles: words to cues by a delivery style, their checker, and the formats they are written in and read from."""

from operators.subtitles.cutter import SubtitleCutter
from operators.subtitles.formats import FORMATS, Cue
from operators.subtitles.styles import Style, style
from operators.subtitles.translated import SubtitleTranslator

__all__ = ["FORMATS", "Cue", "Style", "SubtitleCutter", "SubtitleTranslator", "style"]
