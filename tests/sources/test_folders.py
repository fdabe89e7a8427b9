from pathlib import Path

import pytest

from operators.errors import SourceUnavailable
from operators.sources import expand


def test_folders_and_globs_are_many_sources(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.MKV", "notes.txt", "deep/c.wav", ".hidden.mp4", ".cache/d.mp4", "deep/e.json"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert [str(Path(f).relative_to(tmp_path)) for f in expand(str(tmp_path))] == ["a.MKV", "b.mp4", "deep/c.wav"]
    assert expand(str(tmp_path / "*.mp4")) == [str(tmp_path / "b.mp4")]
    assert expand(str(tmp_path / "**" / "*.wav")) == [str(tmp_path / "deep" / "c.wav")]
    assert expand("rtsp://camera/1?key=[a]") == ["rtsp://camera/1?key=[a]"]
    assert expand(str(tmp_path / "notes.txt")) == [str(tmp_path / "notes.txt")]


def test_a_file_with_glob_characters_in_its_name_is_itself(tmp_path: Path) -> None:
    file = tmp_path / "take[1].mp4"
    file.touch()
    assert expand(str(file)) == [str(file)]


def test_nothing_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SourceUnavailable, match="no media in 1 file"):
        expand(str(tmp_path))
    with pytest.raises(SourceUnavailable, match=r"\*\.mp4"):
        expand(str(tmp_path / "*.mp4"))
