"""Translators: sentence by sentence, from one language into another."""

from typing import Any

from operators.translation.m2m100 import M2m100Translator
from operators.translation.marian import MarianTranslator

TRANSLATORS: dict[str, type[Any]] = {"m2m100": M2m100Translator, "marian": MarianTranslator}
"""BatchOperators, Sentence -> Translation."""
