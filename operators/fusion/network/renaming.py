"""Other names for those of a clip, so that a model learns to copy what it hears and reads, and not whom there are."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from operators.fusion.clip import Clip
from operators.fusion.invented import invented


class Renames:
    """Stands an invented word for each of `names`, wherever it is heard, read or told; in capitals where it was."""

    def __init__(self, names: Sequence[str], rng: random.Random) -> None:
        self._others = {name: invented(rng) for name in names}

    def clip(self, clip: Clip) -> Clip:
        if not self._others:
            return clip
        return replace(clip, words=tuple(replace(w, text=self.text(w.text)) for w in clip.words))

    def text(self, text: str) -> str:
        return re.sub(r"[^\W\d_]+", lambda found: self._other(found[0]), text) if self._others else text

    def _other(self, word: str) -> str:
        other = self._others.get(word.casefold())
        if other is None:
            return word
        return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other
