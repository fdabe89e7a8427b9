"""The contract of recognisers, which every one of them passes, and what each hears in real speech."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.errors import ModelError, ModelUnavailable
from operators.facts import Speech, Word
from operators.media import SOUND_RATE_HZ
from operators.records import Transcript
from operators.speech import RECOGNISERS
from operators.speech.faster_whisper import FasterWhisperOptions, FasterWhisperRecogniser
from operators.speech.recognition import LONGEST_SAMPLES, Recognition, SpeechItem
from operators.speech.transformers_whisper import TransformersWhisperOptions, TransformersWhisperRecogniser
from operators.timeline import Span
from pipeline.models import cache_folder
from tests.bench.checkpoint import make_checkpoint
from tests.bench.speech_media import SpeechPath, decode, from_source, options_of, packets, silent_clips

ASK_NOT = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
NAMES = "Kubernetes, Grafana and Prometheus on Debian"
CARRIERS = {"faster_whisper": "model.bin", "transformers": "model.safetensors"}


@pytest.fixture(scope="module", params=["faster_whisper", "transformers", "pocketsphinx"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def recogniser(name: str, request: pytest.FixtureRequest) -> Any:
    kind: Any = RECOGNISERS[name]
    options = kind.Options()
    if name in CARRIERS:
        folder: Path = request.getfixturevalue("whisper_base")
        if name == "transformers":
            folder = make_checkpoint(folder, cache_folder() / "tests" / "whisper-base-transformers")
        options = kind.Options(model=str(folder))
    made = kind(options)
    made.open("cpu", 1)
    yield made
    made.close()
    made.close()


def text_of(recognition: Recognition) -> str:
    return "".join(w.text for segment in recognition.segments for w in segment)


def bare(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum() or c == " ").strip()


@pytest.mark.whisper
@pytest.mark.media
@pytest.mark.ffmpeg
def test_the_contract(name: str, recogniser: Any, media: Callable[[str], Path]) -> None:
    media("speech/jfk.flac")
    pcm = decode("speech/jfk.flac")
    items = [SpeechItem(pcm), SpeechItem(np.zeros(SOUND_RATE_HZ, np.float32)), SpeechItem(pcm[:1]), SpeechItem(pcm, "en-GB")]
    results = recogniser([*items, SpeechItem(pcm, "tlh")])
    assert len(results) == 5
    assert isinstance(results[4], ModelError)
    assert "'tlh'" in results[4].message
    for item, result in zip(items, results, strict=False):
        assert isinstance(result, Recognition)
        words = [word for segment in result.segments for word in segment]
        assert all(result.segments)
        assert all(isinstance(t, Fraction) for w in words for t in (w.start, w.end))
        assert all(0 <= w.start <= w.end <= Fraction(len(item.pcm), SOUND_RATE_HZ) for w in words)
        assert all(a.start <= b.start for a, b in itertools.pairwise(words))
        assert all(0 <= w.confidence <= 1 and w.text.strip() for w in words)
    assert results[0].language == "en"
    assert len(results[0].segments) > 0
    assert results[2].segments == ()
    assert recogniser([items[0]])[0] == recogniser([items[3]])[0] == results[0]
    heard = bare("".join(w.text for s in results[0].segments for w in s))
    assert heard == ASK_NOT if name in CARRIERS else "my fellow america" in heard


@pytest.mark.whisper
@pytest.mark.media
@pytest.mark.ffmpeg
def test_the_path_gives_the_recognisers_own_words_and_times(name: str, recogniser: Any, media: Callable[[str], Path]) -> None:
    media("speech/jfk.flac")
    own = [w for s in recogniser([SpeechItem(decode("speech/jfk.flac"))])[0].segments for w in s]
    outputs = SpeechPath(recogniser, options_of(name))(from_source("speech/jfk.flac"))
    ours = [o for o in outputs if isinstance(o, Word)]
    assert [w.text for w in ours] == [w.text.strip() for w in own]
    assert all(abs(a.start - b.start) <= Fraction(1, 5) and abs(a.end - b.end) <= Fraction(1, 5) for a, b in zip(own, ours, strict=True))
    transcripts = {o.segment_id: o for o in outputs if isinstance(o, Transcript)}
    assert all(w in transcripts[w.segment_id].words for w in ours)
    assert any(isinstance(o, Speech) for o in outputs)


@pytest.mark.whisper
@pytest.mark.media
@pytest.mark.ffmpeg
def test_late_speech_keeps_its_time_and_noise_says_nothing(name: str, recogniser: Any, media: Callable[[str], Path]) -> None:
    for path in ("speech/jfk.flac", "audio_events/noise/noise2.wav"):
        media(path)
    pcm, noise = decode("speech/jfk.flac"), decode("audio_events/noise/noise2.wav")
    path = SpeechPath(recogniser, options_of(name))
    late = [w for w in path(packets(np.concatenate([noise, pcm, noise]))) if isinstance(w, Word)]
    near = Fraction(2, 5)
    speech = Span(Fraction(len(noise), SOUND_RATE_HZ) - near, Fraction(len(noise) + len(pcm), SOUND_RATE_HZ) + near)
    assert late
    assert all(w.start in speech for w in late)
    assert path.text(packets(noise)) == ""


@pytest.mark.whisper
@pytest.mark.media
@pytest.mark.ffmpeg
def test_no_word_is_written_where_nobody_speaks(name: str, recogniser: Any, media: Callable[[str], Path]) -> None:
    clips = silent_clips(json.loads(media("MANIFEST.json").read_text())["files"])
    assert len(clips) >= 12
    path = SpeechPath(recogniser, options_of(name))
    assert {clip: said for clip in clips if (said := path.text(from_source(clip)))} == {}


ODD = {
    "8 kHz": "-ar 8000 -c:a pcm_mulaw",
    "clipped": "-af volume=18dB -c:a pcm_s16le",
    "six channels": "-af pan=5.1|FC=c0 -c:a pcm_s16le",
    "an odd rate": "-ar 37800 -c:a pcm_s24le",
    "one silent side": "-af pan=stereo|FL=c0 -c:a pcm_s16le",
}


@pytest.mark.whisper
@pytest.mark.media
@pytest.mark.ffmpeg
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["faster_whisper"], indirect=True, scope="module")
def test_odd_sound_is_written_down_all_the_same(
    name: str, recogniser: Any, kind: str, media: Callable[[str], Path], tmp_path: Path
) -> None:
    made = tmp_path / "odd.wav"
    clip = media("speech/jfk.flac")
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", clip, *ODD[kind].split(), made], check=True)
    text = bare(SpeechPath(recogniser, options_of(name)).text(from_source(str(made))))
    # At 8 kHz "ask" is heard as "asked".
    assert text.split()[-15:] == ASK_NOT.split()[-15:]


@pytest.mark.whisper
@pytest.mark.media
@pytest.mark.ffmpeg
@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("name", ["faster_whisper"], indirect=True, scope="module")
def test_speech_from_the_first_sample_on_and_up_to_the_last(name: str, recogniser: Any, live: bool, media: Callable[[str], Path]) -> None:
    media("speech/jfk.flac")
    pcm = decode("speech/jfk.flac")
    loud = np.flatnonzero(np.abs(pcm) > 0.05)
    cut = pcm[loud[0] : loud[-1]]
    words = [w for w in SpeechPath(recogniser, options_of(name, live))(packets(cut)) if isinstance(w, Word)]
    said = bare(" ".join(w.text for w in words)).split()
    assert said[:3] == ["and", "so", "my"]
    assert said[-3:] == ["for", "your", "country"]
    assert words[0].start < Fraction(3, 10)
    assert words[-1].end <= Fraction(len(cut), SOUND_RATE_HZ) + Fraction(1, 10)


@pytest.mark.whisper
def test_whisper_hears_the_language(whisper_base: Path, media: Callable[[str], Path]) -> None:
    media("speech/leopard/test_de.wav")
    recogniser = FasterWhisperRecogniser(FasterWhisperOptions(model=str(whisper_base)))
    recogniser.open("cpu", 1)
    german, told = recogniser([SpeechItem(decode("speech/leopard/test_de.wav")), SpeechItem(decode("speech/leopard/test_de.wav"), "fr")])
    assert isinstance(german, Recognition)
    assert isinstance(told, Recognition)
    assert (german.language, told.language) == ("de", "fr")
    assert "diesem" in "".join(w.text for s in german.segments for w in s)


@pytest.mark.whisper
@pytest.mark.media
@pytest.mark.ffmpeg
def test_company_in_a_batch_changes_no_word(name: str, recogniser: Any, media: Callable[[str], Path]) -> None:
    clips = ("speech/jfk.flac", "speech/leopard/test_de.wav", "speech/leopard/test_en.wav")
    items = [SpeechItem(decode(clip)) for clip in clips if media(clip)]
    together, alone = recogniser(items), [recogniser([item])[0] for item in items]
    assert [[w.text for s in r.segments for w in s] for r in together] == [[w.text for s in r.segments for w in s] for r in alone]
    assert [r.language for r in together] == [r.language for r in alone]


@pytest.mark.whisper
@pytest.mark.media
@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", list(CARRIERS), indirect=True, scope="module")
def test_a_prompt_is_heeded_and_never_said(name: str, recogniser: Any, media: Callable[[str], Path]) -> None:
    path = "speech/hifitts_6097/presentpictureofnsw_01_mann_0160.wav"
    media(path)
    clip = decode(path)
    noise = np.random.default_rng(1).normal(0, 0.02, 3 * SOUND_RATE_HZ).astype(np.float32)
    plain, told, nobody = recogniser([SpeechItem(clip), SpeechItem(clip, prompt="Governor Phillip"), SpeechItem(noise, prompt=NAMES)])
    assert "Philip" in text_of(plain)
    assert "Phillip" in text_of(told)
    assert bare(text_of(told)).replace("phillip", "philip") == bare(text_of(plain))
    assert not set(bare(text_of(nobody)).split()) & set(bare(NAMES).split())


@pytest.mark.whisper
@pytest.mark.media
@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", list(CARRIERS), indirect=True, scope="module")
def test_a_stream_may_switch_its_language(name: str, recogniser: Any, media: Callable[[str], Path]) -> None:
    media("speech/multilingual_en_de.mp3")
    outputs = SpeechPath(recogniser, options_of(name))(from_source("speech/multilingual_en_de.mp3"))
    by_language: dict[str, str] = {}
    for o in outputs:
        if isinstance(o, Transcript):
            by_language[o.language] = by_language.get(o.language, "") + " " + o.text
    assert set(by_language) == {"en", "de"}
    assert "free of charge" in by_language["en"]
    assert "unentgeltlich" in by_language["de"]


@pytest.mark.whisper
@pytest.mark.media
@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", list(CARRIERS), indirect=True, scope="module")
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("speech/leopard/test_en.wav", "gospel"),  # said again and again behind the sound, by one engine
        ("speech/hifitts_6097/presentpictureofnsw_02_mann_0083.wav", "boats"),  # a loop in another language, by the other
        ("speech/hifitts_6097/glitteringplain_07_morris_0054.wav", "go forth"),  # a guess in another language
    ],
)
def test_short_sound_in_which_whisper_goes_astray(name: str, recogniser: Any, path: str, said: str, media: Callable[[str], Path]) -> None:
    media(path)
    heard = recogniser([SpeechItem(decode(path))])[0]
    assert heard.language == "en"
    assert bare(text_of(heard)).count(said) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: FasterWhisperRecogniser(FasterWhisperOptions(model=folder)),
        lambda folder: TransformersWhisperRecogniser(TransformersWhisperOptions(model=folder)),
    ],
)
def test_a_folder_without_a_model_says_so(make: Callable[[str], Any], tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=tmp_path.name):
        make(str(tmp_path)).open("cpu", 1)


@pytest.mark.parametrize("samples", [0, LONGEST_SAMPLES + 1])
def test_items_hold_up_to_thirty_seconds(samples: int) -> None:
    with pytest.raises(ValueError, match=str(samples)):
        SpeechItem(np.zeros(samples, np.float32))


def test_the_family_loads_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "faster_whisper", "ctranslate2", "pocketsphinx", "onnxruntime"}
    program = f"import sys, operators.speech, operators.speech.words, operators.speech.vad; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"
