import pytest

from operators.errors import ConfigError
from pipeline import doctor, number_formats
from pipeline.doctor import Finding, examine


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "has_gpu", lambda: False)
    monkeypatch.setattr(doctor, "cached", dict)


@pytest.mark.ffmpeg
def test_all_is_examined_and_a_profile_that_can_not_run_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert examine(bench=False) == 0
    told = " ".join(capsys.readouterr().out.split())
    for what in ("Python", "cores", "memory", "ffmpeg version", "decoders", "protocols", "av", "ray", "GPU", "model cache"):
        assert what in told
    assert "profile offline good" in told
    assert "profile cpu note fetches whisper-base (148 MB) once" in told
    assert "profile gpu missing can not run → an NVIDIA GPU is needed for speech, " in told


def test_without_ffmpeg_nothing_can_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def missing() -> str:
        raise ConfigError("there is no ffmpeg 5.1 or newer")

    monkeypatch.setattr(doctor, "find_ffmpeg", missing)
    assert examine(bench=False) == 1
    assert "apt-get install ffmpeg" in capsys.readouterr().out


def test_a_package_that_a_profile_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.NEEDS, "pocketsphinx", ("no_such_package",))
    assert doctor._profile("offline").remedy == "speech needs no_such_package: pip install no_such_package"
    assert doctor._profile("cpu").state == "note"


def test_a_cache_that_can_not_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPSTREAM_CACHE", "/proc/capstream")
    assert [f.state for f in doctor._models()] == ["note", "missing"]


def test_what_an_ffmpeg_lacks_is_named() -> None:
    assert doctor._complete("decoders", ("h264", "av1"), {"h264"}, "get one") == Finding("decoders", "note", "without av1", "get one")


def test_formats_are_measured_and_the_fastest_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor, "measure", lambda threads, device: [("torch, matrices", "float32", 0.3), ("torch, matrices", "bfloat16", 0.1)]
    )
    torch, speech = doctor._formats()
    assert torch.found == "bfloat16 100 ms, float32 300 ms"
    assert torch.remedy == "--set models.frames.transformers.dtype=bfloat16 is the fastest here"
    assert speech.remedy == "capstream models fetch whisper-base"


def test_real_formats_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_formats, "cached", dict)
    monkeypatch.setattr(number_formats, "SIDE", 64)
    measured = list(number_formats.measure(1, "cpu"))
    assert [name for _, name, _ in measured] == ["float32", "bfloat16"]
    assert all(seconds > 0 for _, _, seconds in measured)
