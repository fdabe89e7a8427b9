"""Channels of the sound kept apart, whatever it is like."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_media import made
from reading import samples

from operators.errors import ConfigError
from operators.media import Samples
from operators.sources import SourceOptions, open_source
from operators.sources.channels import are_alike
from operators.sources.live_grid import SampleGrid
from operators.timeline import Span

TWO = SourceOptions(speakers=("left", "right"))
ALL = Span(Fraction(0), Fraction(100))


def channels(name: str, options: SourceOptions = TWO) -> np.ndarray:
    items = samples(*open_source(str(made(name)), options))
    assert all(isinstance(i, Samples) and i.channels is not None for i in items)
    return np.concatenate([i.channels for i in items], axis=1)


@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", ["stereo.wav", "odd-rate.flac"])
def test_channels_are_as_they_are_and_the_mix_is_what_it_is_without(name: str) -> None:
    apart = channels(name)[:, 800:-800]
    assert np.abs(apart - [[0.5], [0.25]]).max() < 0.01
    mixes = [
        np.concatenate([i.pcm for i in samples(*open_source(str(made(name)), o)) if isinstance(i, Samples)]) for o in (TWO, SourceOptions())
    ]
    assert np.abs(mixes[0] - mixes[1])[800:-800].max() < 1e-3


@pytest.mark.ffmpeg
def test_of_six_channels_as_many_are_kept_as_are_named() -> None:
    assert channels("six.wav", SourceOptions(speakers=("a", "", "c")))[:, 8000] == pytest.approx([0.1, 0.2, 0.3], abs=1e-3)
    assert channels("six.wav", SourceOptions(speakers=tuple("abcdef")))[:, 8000] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], abs=1e-3)
    mixed = samples(*open_source(str(made("six.wav"))))
    assert all(isinstance(i, Samples) and i.channels is None and 0.1 < i.pcm.mean() < 0.6 for i in mixed[1:-1])


@pytest.mark.ffmpeg
def test_telephone_sound_clipped_sound_and_what_is_no_number() -> None:
    assert channels("eight-khz.wav").shape == (2, 16_000)
    clipped = channels("clipped.wav")
    assert np.abs(clipped).max() == 1.0
    assert clipped[1] == pytest.approx(0.25)
    assert not channels("no-numbers.wav")[0].any()
    assert channels("no-numbers.wav")[1] == pytest.approx(0.25)


@pytest.mark.ffmpeg
def test_more_names_than_channels_are_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"sound\.wav: source\.speakers names 2 channels and its sound has one channel"):
        open_source(str(made("sound.wav")), TWO)


@pytest.mark.ffmpeg
@pytest.mark.media
def test_dual_mono_is_told_from_two_speakers(media, tmp_path: Path) -> None:
    import subprocess

    dual = tmp_path / "dual.m4a"
    speech = str(media("speech/jfk.mp3"))
    subprocess.run(["ffmpeg", "-v", "error", "-i", speech, "-ac", "2", "-c:a", "aac", "-b:a", "96k", dual], check=True)
    assert are_alike(*open_source(str(dual), TWO))
    assert not are_alike(*open_source(str(media("speech/stereo_two_speakers.wav")), TWO))


def test_live_packets_keep_their_channels_over_holes() -> None:
    grid = SampleGrid(ALL)
    block = np.column_stack([np.full(1600, level, np.float32) for level in (0.3, 0.2, 0.4)])
    given = [
        *grid.missing(Fraction(1, 10), "source_down"),
        *grid.take(Fraction(1, 10), block, False),
        *grid.take(Fraction(3, 10), block, False),
    ]
    packets = [i for i in given if isinstance(i, Samples)]
    assert [p.index for p in packets] == [1, 2, 3]
    assert [p.channels.shape for p in packets if p.channels is not None] == [(2, 1600)] * 3
    assert [round(float(p.pcm.mean()), 2) for p in packets] == [0.3, 0.0, 0.3]
    assert not packets[1].channels.any()  # type: ignore[union-attr]
