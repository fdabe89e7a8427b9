"""Decoders die when they must, are missed when they are killed, and never hang a reader."""

import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from time import monotonic

import psutil
import pytest
from made_media import made
from reading import ALL, frames, value

from operators.errors import DecodeError, DecoderLost
from operators.media import Frame
from operators.protocols import FramesNeed
from operators.records import Gap
from operators.sources import SOURCES, binaries, commands
from operators.sources.child import Child
from operators.timeline import Span

READERS = ("ffmpeg", "decord")
pytestmark = pytest.mark.ffmpeg


def children() -> list[psutil.Process]:
    """The decoders. Others may be there: a broker that lives as long as the tests."""
    return [p for p in psutil.Process().children(recursive=True) if _decodes(p)]


def _decodes(process: psutil.Process) -> bool:
    try:
        return any("ffmpeg" in word or "decord_child" in word for word in process.cmdline())
    except psutil.Error:
        return False  # it has just ended


@pytest.mark.parametrize("reader", READERS)
def test_the_decoder_ends_with_the_generator(reader: str) -> None:
    source = SOURCES[reader](str(made("cfr.mp4")))
    reading = source.frames(source.probe(), FramesNeed(8, 96), ALL)
    next(reading)
    assert children()
    reading.close()
    assert not children()


@pytest.mark.parametrize("reader", READERS)
def test_a_killed_decoder_is_lost_and_reading_goes_on_from_there(reader: str) -> None:
    source = SOURCES[reader](str(made("cfr.mp4")))
    info = source.probe()
    unbroken = [value(f) for f in frames(source, info, 8)]
    given: list[Frame | Gap] = []

    def read_and_kill() -> None:
        for frame in source.frames(info, FramesNeed(8, 96), ALL):
            given.append(frame)
            for child in children():
                child.kill()

    with pytest.raises(DecoderLost, match="signal 9"):
        read_and_kill()
    given += frames(source, info, 8, span=Span(given[-1].end, ALL.end))
    assert [value(f) for f in given] == unbroken


@pytest.mark.parametrize("reader", READERS)
def test_the_decoder_ends_with_its_reader(reader: str) -> None:
    program = f"""
import psutil, sys, time
from fractions import Fraction
from operators.protocols import FramesNeed
from operators.sources import SOURCES
from operators.timeline import Span
source = SOURCES[{reader!r}]({str(made("film.mkv"))!r})
reading = source.frames(source.probe(), FramesNeed(8, 192), Span(Fraction(0), Fraction(100)))
next(reading)
print(psutil.Process().children()[0].pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as reader_process:
        assert reader_process.stdout is not None
        decoder = psutil.Process(int(reader_process.stdout.readline()))
        reader_process.kill()
    gone, _ = psutil.wait_procs([decoder], timeout=20)
    assert gone


def test_a_child_that_gives_nothing_hangs() -> None:
    started = monotonic()
    with Child(["sleep", "60"], silence_s=0.3) as child:
        assert child.read(10) == b""
        assert child.hangs
    assert monotonic() - started < 10


def test_a_child_that_does_not_end_is_ended() -> None:
    with Child(["sh", "-c", "exec 1>&-; sleep 60"], silence_s=0.3) as child:
        assert child.read(10) == b""
        assert child.end() == -signal.SIGKILL
        assert child.hangs


def test_complaints_are_known_before_what_came_after_them() -> None:
    with Child(["sh", "-c", "echo '[h264 @ 0x1] [error] bad picture' >&2; echo data; sleep 60"]) as child:
        assert child.read_exactly(5) == b"data\n"
        assert child.complaints == 1
        assert child.complaint == "bad picture"


def test_a_child_that_complains_without_end_does_not_block() -> None:
    with Child(["sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; echo done"]) as child:
        assert child.read_exactly(5) == b"done\n"
        assert child.end() == 0
        assert child.complaints == 1


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(DecodeError, match="can not be started"):
        Child(["/nowhere/ffmpeg"])


def test_the_packaged_ffmpeg_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """imageio-ffmpeg brings another version: the same instants, the same pictures but for rounding."""
    ours = {n: SOURCES["ffmpeg"](str(made(n))) for n in ("cfr.mp4", "stream.ts", "start.mp4")}
    before = {n: frames(s, s.probe(), 4) for n, s in ours.items()}
    monkeypatch.setattr(binaries.shutil, "which", lambda _: None)
    binaries.find_ffmpeg.cache_clear()
    try:
        assert "imageio_ffmpeg" in commands.find_ffmpeg()
        for name, source in ours.items():
            after = frames(source, source.probe(), 4)
            assert [f.at for f in after] == [f.at for f in before[name]]
            sought = frames(source, source.probe(), 4, span=Span(Fraction(4), Fraction(5)))
            assert [value(f) for f in sought] == [value(f) for f in after[16:20]]
    finally:
        monkeypatch.undo()
        binaries.find_ffmpeg.cache_clear()


def test_an_old_ffmpeg_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "ffmpeg"
    old.write_text("#!/bin/sh\necho ffmpeg version 4.4.2-0ubuntu Copyright\n")
    old.chmod(0o755)
    assert binaries.ffmpeg_version(str(old)) == (4, 4)
    monkeypatch.setattr(binaries.shutil, "which", lambda _: str(old))
    binaries.find_ffmpeg.cache_clear()
    try:
        assert binaries.find_ffmpeg() != str(old)
    finally:
        binaries.find_ffmpeg.cache_clear()
