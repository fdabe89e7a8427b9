"""Whisper (Radford et al. 2022), the steps from windows of sound to words that are alike in all engines."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from operators.speech.whisper_languages import one_after_another, parts_between
from operators.speech.whisper_text import Sentence, echoes, sentences, trusted
from operators.speech.whisper_windows import Heard, Window
from operators.speech.whisper_words import Alignment, sentences_of_words

MOST_PROMPT = 100
"""Tokens of a prompt that Whisper is given; of its 448 the text needs the rest."""


class Engine(Protocol):
    """Runs the network on a batch of windows of one context. `encoded` is its own."""

    multilingual: bool
    beams: tuple[int, int]
    """At the first try and, where its text is not to be trusted, at the second one."""

    def encode(self, windows: Sequence[Window]) -> Any: ...

    def languages(self, encoded: Any, row: int, parts: Sequence[tuple[int, int]]) -> list[dict[str, float]]:
        """Probabilities by Whisper's codes in each part [first, last) of a row, in ticks."""
        ...

    def write(self, encoded: Any, prompts: Sequence[list[int]], most_tokens: int, beam: int) -> Sequence[tuple[list[int], float]]:
        """For each row what follows its prompt, up to the end of the text, and the mean log-probability. All prompts are equally long."""
        ...

    def align(self, encoded: Any, texts: Sequence[list[int]], start: list[int], ticks: Sequence[int]) -> Sequence[Alignment]:
        """When the tokens of each row's text were said in its first `ticks`; for a row without text, anything."""
        ...


class WhisperListener:
    """Hears windows that may share a batch (`whisper_windows.recognise`)."""

    def __init__(self, engine: Engine, vocabulary: Any) -> None:
        """`vocabulary`: Whisper's `tokenizers.Tokenizer`."""
        self._engine = engine
        self._vocabulary = vocabulary

    def __call__(self, windows: list[Window]) -> list[Heard]:
        encoded = self._engine.encode(windows)
        spoken = [self._languages(encoded, n, w) for n, w in enumerate(windows)]
        if any(len(parts) > 1 for parts in spoken):
            return [Heard(w, rest=tuple(w.part(*part) for part in parts)) for w, parts in zip(windows, spoken, strict=True)]
        codes = [parts[0][2] for parts in spoken]
        texts = {code: self._text(code) for code in codes}
        prompts = [self._prompt(w.prompt, texts[code]) for w, code in zip(windows, codes, strict=True)]
        written = self._engine.write(encoded, prompts, max(w.most_tokens for w in windows), self._engine.beams[windows[0].again])
        kept = [self._judge(w, code, texts[code], *said) for w, code, said in zip(windows, codes, written, strict=True)]
        return self._timed(encoded, kept, texts)

    def _languages(self, encoded: Any, row: int, window: Window) -> list[tuple[int, int, str]]:
        """The parts of a window, from tick to tick, with the language of each; mostly one."""
        if window.language or not self._engine.multilingual:
            return [(0, window.ticks, (window.language if self._engine.multilingual else None) or "en")]
        parts = parts_between(window.pauses, window.ticks)
        looked_at = parts if len(parts) > 1 else [(0, window.context)]
        return one_after_another(parts, self._engine.languages(encoded, row, looked_at))

    def _text(self, code: str) -> Any:
        """faster-whisper's tokenizer: transformers' own does not say where words begin."""
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(self._vocabulary, self._engine.multilingual, task="transcribe", language=code)

    def _prompt(self, prompt: str, text: Any) -> list[int]:
        before = [text.sot_prev, *text.encode(" " + prompt.strip())[:MOST_PROMPT]] if prompt else []
        return [*before, *text.sot_sequence]

    def _judge(self, window: Window, code: str, text: Any, tokens: list[int], logprob: float) -> tuple[Heard, list[Sentence]]:
        """What is to be timed of the text, and what is to be heard again: all, where it is not to be trusted, or the rest."""
        said, rest = sentences(tokens, text.timestamp_begin, text.eot, window.ticks)
        wording = "".join(text.decode(sentence.tokens) for sentence in said)
        nothing_fits = not said and any(token < text.eot for token in tokens)
        if nothing_fits or not trusted(wording, logprob) or echoes(wording, window.prompt):
            return Heard(window, code, rest=self._second(window)), []
        return Heard(window, code, rest=() if rest is None else (window.part(rest, window.ticks, code),)), said

    def _second(self, window: Window) -> tuple[Window, ...]:
        """The second try: without the prompt, with all the silence that Whisper is used to and, where the engine can, a wider beam. Its
        language, where it was not told, is heard anew: short sound is often taken for another one."""
        second = replace(window, prompt="", again=True)
        first, wide = self._engine.beams
        differs = second.context != window.context or bool(window.prompt) or wide != first
        return (second,) if differs and not window.again else ()

    def _timed(self, encoded: Any, kept: Sequence[tuple[Heard, list[Sentence]]], texts: dict[str, Any]) -> list[Heard]:
        """The network aligns one language at a time."""
        heard = [h for h, _ in kept]
        ticks = [h.window.ticks for h in heard]
        for code, text in texts.items():
            tokens = [[t for s in said for t in s.tokens] if h.language == code else [] for h, said in kept]
            if any(tokens):
                for n, aligned in enumerate(self._engine.align(encoded, tokens, text.sot_sequence, ticks)):
                    if tokens[n]:
                        words = sentences_of_words(kept[n][1], aligned, text, heard[n].window.start)
                        heard[n] = replace(heard[n], segments=words)
        return heard
