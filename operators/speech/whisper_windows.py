"""What Whisper hears at once, and how items become windows and windows recognitions: alike for all engines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from operators.errors import ModelError
from operators.media import SOUND_RATE_HZ, Pcm
from operators.speech.recognition import HeardWord, Recognition, SpeechItem
from operators.speech.whisper_text import FASTEST_SPEECH, TOKEN_RATE, language_tag, whisper_code

TICK_SAMPLES = SOUND_RATE_HZ // TOKEN_RATE
FRAMES_PER_TICK = 2
"""Features come 100 a second, time tokens TOKEN_RATE."""
LONGEST_CONTEXT = 30 * TOKEN_RATE
SILENCE_AFTER = 2 * TOKEN_RATE
"""Whisper was trained on 30 s and needs to hear that the sound ends: with less after it, it goes on in circles where it was cut off."""
CONTEXT_STEP = 2 * TOKEN_RATE
"""Few lengths, so that items of many streams can share a batch."""
MOST_TOKENS = 224


@dataclass(frozen=True, slots=True)
class Window:
    """The sound of an item, or a part of it, from `start` (in 1/TOKEN_RATE s of the item) on."""

    item: int
    start: int
    pcm: Pcm
    language: str | None
    """Whisper's own code; None: to be heard."""
    prompt: str = ""
    pauses: tuple[int, ...] = ()
    """Where the language may change, in 1/TOKEN_RATE s of the window; no longer looked at once `language` is known."""
    again: bool = False
    """What was written the first time is not to be trusted."""

    @property
    def ticks(self) -> int:
        return len(self.pcm) // TICK_SAMPLES

    @property
    def context(self) -> int:
        """How much is encoded, in 1/TOKEN_RATE s: the encoder's cost grows with it, and silence teaches nothing."""
        steps = -(-(self.ticks + SILENCE_AFTER) // CONTEXT_STEP)
        return LONGEST_CONTEXT if self.again else min(steps * CONTEXT_STEP, LONGEST_CONTEXT)

    @property
    def most_tokens(self) -> int:
        """A loop ends here."""
        return min(MOST_TOKENS, FASTEST_SPEECH * (self.ticks + SILENCE_AFTER) // TOKEN_RATE)

    def part(self, first: int, last: int, language: str) -> "Window":
        """From tick `first` to tick `last` of it, or to its end where that is `ticks`."""
        end = len(self.pcm) if last >= self.ticks else last * TICK_SAMPLES
        return replace(self, start=self.start + first, pcm=self.pcm[first * TICK_SAMPLES : end], language=language, pauses=(), again=False)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a window."""

    window: Window
    language: str = ""
    """Whisper's own code; empty where nothing is known of it yet."""
    segments: tuple[tuple[HeardWord, ...], ...] = ()
    rest: tuple[Window, ...] = ()
    """What of it is still to be heard."""


def recognise(items: Sequence[SpeechItem], hear: Callable[[list[Window]], Sequence[Heard | ModelError]]) -> list[Recognition | Exception]:
    """`hear` is given windows that may share a batch: with one prompt, encoded in one length."""
    heard: list[list[Heard] | ModelError] = []
    windows: list[Window] = []
    for n, item in enumerate(items):
        try:
            code = whisper_code(item.language) if item.language else None
            windows.append(Window(n, 0, item.pcm, code, item.prompt, tuple(p // TICK_SAMPLES for p in item.pauses)))
            heard.append([])
        except ValueError as e:
            heard.append(ModelError(str(e)))
    while windows:
        rest: list[Window] = []
        for _, alike in groupby(sorted(windows, key=_alike), key=_alike):
            together = list(alike)
            for window, result in zip(together, hear(together), strict=True):
                before = heard[window.item]
                if isinstance(result, ModelError):
                    heard[window.item] = result
                elif isinstance(before, list):
                    before.append(result)
                    rest += result.rest
        windows = [w for w in rest if isinstance(heard[w.item], list)]
    return [h if isinstance(h, ModelError) else _recognition(h) for h in heard]


def _alike(window: Window) -> tuple[int, str, bool]:
    return window.context, window.prompt, window.again


def _recognition(heard: Sequence[Heard]) -> Recognition:
    """In the order of the sound, in the language of most of its words."""
    spoken = sorted((h for h in heard if h.language), key=lambda h: h.window.start)
    if not spoken:
        return Recognition("und")
    words = {code: sum(len(s) for h in spoken if h.language == code for s in h.segments) for code in [h.language for h in spoken]}
    segments = tuple(s for h in spoken for s in h.segments)
    tags = tuple(language_tag(h.language) for h in spoken for _ in h.segments)
    main = language_tag(max(words, key=lambda code: words[code]))
    return Recognition(main, segments, tags if len(set(tags)) > 1 else ())
