"""Speakers on real voices: what is lost and written twice where each has a channel, and how far voices are told apart without.

    python -m tests.bench.speakers [--model FOLDER] [--write docs/speakers_measured.md]

needs the real media (CAPSTREAM_MEDIA, by default ../shared/media beside the repository), ffmpeg, and Whisper base. `--model`: a checkpoint
ForXVector, whose voices and whose diarisation are measured too; there is none in any package.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import jiwer
import numpy as np

from operators.facts import Word
from operators.media import PACKET_SAMPLES, SOUND_RATE_HZ, Pcm, Samples
from operators.protocols import Item
from operators.speech.channels import ChannelTranscriber
from operators.speech.speakers import DiarisationOptions, SpeakerTranscriber
from operators.speech.voices import VoiceEncoder, VoiceEncoderOptions, VoiceItem
from operators.speech.words import SpeechTranscriber
from tests.bench.speech_media import MEDIA, SpeechPath, decode, options_of
from tests.bench.wer import NORMAL, opened, table

NAMES = ("Interviewer", "Guest")
READERS = [[f"speech/harvard_sb/spk{n}_snt{k}.wav" for k in range(1, 6)] for n in (1, 2)]
LEVEL = 0.05
WINDOW_S = 1.5
LEAKS = (("not at all", None, False), ("-20 dB", -20.0, False), ("-12 dB", -12.0, False), ("-12 dB, room", -12.0, True))
HEAD = """# Speakers, measured

Made by `python -m tests.bench.speakers --write docs/speakers_measured.md`.

## Channels

Two readers (ten Harvard sentences), each with a channel; in half of it they talk at once, the second beginning half a second later. Each is
heard in the other's channel too, as much quieter as said, 4 ms later, with a room of half a second in it where said. WER: of each
reader's sentences against what is written down under their name. *twice*: words written down more than were said.
"""
BETWEEN = """
## Voices

Equal error of pairs of windows of 1.5 s, the same speaker or another: 0.5 is chance. *AMI*: three people, one microphone, stretches in
which one of them speaks alone; *Harvard*: two readers. *signal*: mean and deviation of 19 mel cepstra, which need no weights.
"""


def truths() -> dict[str, Any]:
    """What is known of each file, by its path."""
    return {e["path"]: e.get("ground_truth") for e in json.loads((MEDIA / "MANIFEST.json").read_text(encoding="utf-8"))["files"]}


def room(level_db: float, reverberant: bool) -> Pcm:
    """The path from one microphone to another."""
    path = np.zeros(SOUND_RATE_HZ // 2)
    path[64] = 1
    if reverberant:
        tail = np.random.default_rng(1).standard_normal(len(path)) * 10 ** (-3 * np.arange(len(path)) / len(path))
        tail[:64] = 0
        path += tail / np.sqrt(np.square(tail).sum())
    return np.asarray(path / np.sqrt(np.square(path).sum()) * 10 ** (level_db / 20), np.float32)


def conversation() -> tuple[Pcm, list[str]]:
    """float32 [2, n]: in turn, then at once; and what each says."""
    texts = truths()
    said = [[texts[p].get("text_harvard") or texts[p]["text"] for p in paths] for paths in READERS]
    clips = [[pcm * LEVEL / np.sqrt(np.mean(np.square(pcm))) for pcm in map(decode, paths)] for paths in READERS]
    placed: list[tuple[int, int, Pcm]] = []
    at = 0
    for once in (False, True):
        for first, second in zip(*clips, strict=True):
            later = SOUND_RATE_HZ // 2 if once else len(first) + SOUND_RATE_HZ // 2
            placed += [(0, at, first), (1, at + later, second)]
            at += max(len(first), later + len(second)) + SOUND_RATE_HZ
    channels = np.zeros((2, at), np.float32)
    for channel, start, pcm in placed:
        channels[channel, start : start + len(pcm)] += pcm
    return channels, [" ".join(2 * s) for s in said]


def channel_packets(channels: Pcm) -> list[Item]:
    cuts = (channels[:, n : n + PACKET_SAMPLES] for n in range(0, channels.shape[1], PACKET_SAMPLES))
    return [Samples(n, cut.mean(axis=0), cut) for n, cut in enumerate(cuts)]


def channel_table(recogniser: Any) -> str:
    clean, texts = conversation()
    options, normal = options_of("faster_whisper"), NORMAL["en"]
    rows = [["heard in the other channel", *(f"WER, {name}" for name in NAMES), "twice"]]
    for name, level, reverberant in LEAKS:
        channels = clean
        if level is not None:
            leak = np.stack([np.convolve(c, room(level, reverberant))[: clean.shape[1]] for c in clean[::-1]])
            channels = (clean + leak).astype(np.float32)
        path = SpeechPath(recogniser, options)
        path.make = lambda: ChannelTranscriber(lambda: SpeechTranscriber(options), NAMES)
        outputs = path(channel_packets(channels))
        words = [[w.text for w in outputs if isinstance(w, Word) and w.speaker == n] for n in NAMES]
        told = [jiwer.process_words(normal(text), normal(" ".join(w))) for text, w in zip(texts, words, strict=True)]
        rows.append([name, *(f"{t.wer:.3f}" for t in told), str(sum(t.insertions for t in told))])
    return table(rows)


def windows_of_ami() -> list[tuple[str, Pcm]]:
    """Windows in which exactly one person speaks, by the reference."""
    found = []
    references = truths()
    for name in ("dev00", "dev01", "trn03"):
        pcm = decode(f"speech/ami/{name}.wav")
        turns = [line.split() for line in references[f"speech/ami/{name}.wav"]["rttm"]]
        who: list[set[str]] = [set() for _ in range(len(pcm) // 160)]
        for turn in turns:
            for step in range(int(float(turn[3]) * 100), min(len(who), int((float(turn[3]) + float(turn[4])) * 100))):
                who[step].add(turn[7])
        size, at = int(WINDOW_S * 100), 0
        while at + size <= len(who):
            alone = len(who[at]) == 1 and all(w == who[at] for w in who[at : at + size])
            found += [(next(iter(who[at])), pcm[at * 160 : (at + size) * 160])] if alone else []
            at += size if alone else 10
    return found


def windows_of_readers() -> list[tuple[str, Pcm]]:
    size = int(WINDOW_S * SOUND_RATE_HZ)
    clips = [(str(n), decode(path)) for n, paths in enumerate(READERS) for path in paths]
    return [(who, pcm[at : at + size]) for who, pcm in clips for at in range(0, len(pcm) - size + 1, size)]


def signal_voices(windows: Sequence[Pcm]) -> Any:
    """[n, 38]: standardised over all, which a stream could not."""
    mels, bins = 40, 257
    scale = np.linspace(*(2595 * np.log10(1 + f / 700) for f in (80, 7600)), mels + 2)
    at = 2595 * np.log10(1 + np.linspace(0, SOUND_RATE_HZ / 2, bins) / 700)
    bank = np.array(
        [np.clip(np.minimum((at - a) / (b - a), (c - at) / (c - b)), 0, None) for a, b, c in zip(scale, scale[1:], scale[2:], strict=False)]
    )
    cosines = np.cos(np.pi * np.outer(np.arange(1, 20), np.arange(mels) + 0.5) / mels)
    rows = []
    for pcm in windows:
        frames = np.lib.stride_tricks.sliding_window_view(pcm, 400)[::160] * np.hamming(400)
        power = np.square(np.abs(np.fft.rfft(frames, 512)))
        loud = power.sum(axis=1) > power.sum(axis=1).max() / 300
        cepstra = np.log(power[loud] @ bank.T + 1e-8) @ cosines.T
        rows.append(np.concatenate([cepstra.mean(axis=0), cepstra.std(axis=0)]))
    made = np.array(rows)
    made = (made - made.mean(axis=0)) / made.std(axis=0)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def equal_error(who: Sequence[str], voices: Any) -> float:
    near = voices @ voices.T
    pairs = [(near[a, b], who[a] == who[b]) for a in range(len(who)) for b in range(a)]
    same, other = (np.array([n for n, s in pairs if s == kind]) for kind in (True, False))
    errors = [((same < t).mean(), (other >= t).mean()) for t in np.concatenate([same, other])]
    return float(np.mean(min(errors, key=lambda e: abs(e[0] - e[1]))))


def voice_table(encoder: VoiceEncoder | None) -> str:
    ways: dict[str, Callable[[Sequence[Pcm]], Any]] = {"signal": signal_voices}
    if encoder is not None:
        ways["model"] = lambda windows: encoder([VoiceItem(tuple(windows))])[0]
    rows = [["", "windows", *ways]]
    for name, windows in (("AMI", windows_of_ami()), ("Harvard", windows_of_readers())):
        who = [w for w, _ in windows]
        rows.append([name, str(len(who)), *(f"{equal_error(who, way([p for _, p in windows])):.2f}" for way in ways.values())])
    return table(rows)


def confusion(recogniser: Any, encoder: VoiceEncoder) -> float:
    """Share of the words of the readers in turn that carry another name than most words of their reader."""
    channels, _ = conversation()
    mix = channels.sum(axis=0)
    options = options_of("faster_whisper")
    path = SpeechPath(recogniser, options)
    path.make = lambda: SpeakerTranscriber(DiarisationOptions(), lambda: SpeechTranscriber(options))
    path.models["voice"] = encoder
    half = mix[: len(mix) // 2]
    words = [w for w in path([Samples(n, half[n * 1600 : (n + 1) * 1600]) for n in range(len(half) // 1600)]) if isinstance(w, Word)]
    loud = [np.square(c) for c in channels]
    meant = [int(np.argmax([c[int(w.start * SOUND_RATE_HZ) : int(w.end * SOUND_RATE_HZ) + 1].sum() for c in loud])) for w in words]
    given = [[w.speaker for w, m in zip(words, meant, strict=True) if m == n] for n in (0, 1)]
    most = [max(set(g), key=g.count) if g else None for g in given]
    wrong = sum(name != most[n] or most[0] == most[1] for n in (0, 1) for name in given[n])
    return float(Fraction(wrong, max(1, len(words))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    encoder = None
    if args.model:
        encoder = VoiceEncoder(VoiceEncoderOptions(model=str(args.model)))
        encoder.open("cpu", 1)
    recogniser = opened("faster_whisper")
    parts = [HEAD, channel_table(recogniser), BETWEEN, voice_table(encoder)]
    if encoder is not None:
        parts += ["", f"Words of the readers in turn, in one channel, with another's name: {confusion(recogniser, encoder):.2f}."]
    text = "\n".join(parts) + "\n"
    print(text)
    if args.write:
        args.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
