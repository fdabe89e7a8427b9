"""Subtitles in other languages: what is said, sentence by sentence, in the words of a translator and at the times of the speakers'."""

from operators.subtitles.translated.translator import SubtitleTranslator, TranslationOptions

__all__ = ["SubtitleTranslator", "TranslationOptions"]
