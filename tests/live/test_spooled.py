"""A live source in its spool is read like a file: while it grows, and again from anywhere."""

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from broadcasts import NEED, clip, free_port, lines, reader, recorded, sender, wait_until
from sources.reading import ALL, sound_of, value, within

from operators.media import Frame, Samples
from operators.records import Gap
from operators.sources import open_source, spooled
from operators.sources.manifest import SegmentEnd, Session
from operators.sources.spooled import SpooledSource
from operators.timeline import Span

pytestmark = pytest.mark.ffmpeg


@pytest.mark.parametrize("scheme", ["srt", "udp"])
def test_a_stream_gives_what_its_file_gives_and_again_from_anywhere(scheme: str, tmp_path: Path) -> None:
    file, port = clip(), free_port()
    uri = f"{scheme}://127.0.0.1:{port}" + ("?mode=listener" if scheme == "srt" else "")
    target = f"{scheme}://127.0.0.1:{port}?pkt_size=1316"
    with recorded(uri, tmp_path) as recording, sender(file, target) as sending, reader(tmp_path) as live:
        sending.wait()
        wait_until(lambda: any(isinstance(i, Gap) for i in live.samples))
        recording.stop()
        live.finish()
    assert live.info.clock is not None
    assert live.info.duration is None
    source, info = open_source(str(file))
    frames, samples = [value(i) for i in live.frames], [value(i) for i in live.samples]
    right = [value(i) for i in source.frames(info, NEED, ALL)], [value(i) for i in source.samples(info, ALL)]
    # The end of what is sent is not told from a break: the last packets of it may be lost with the connection.
    assert frames[:30] == right[0][:30]
    assert samples[:75] == right[1][:75]
    again = SpooledSource("again", tmp_path)
    chance = random.Random(scheme)
    for _ in range(3):
        start = Fraction(chance.randint(0, 7000), 1000)
        span = Span(start, start + Fraction(chance.randint(1, 2500), 1000))
        assert [value(i) for i in again.frames(live.info, NEED, span)] == within(frames, span, 4)
        assert [value(i) for i in again.samples(live.info, span)] == within(samples, span, 10)
    [session] = lines(tmp_path, Session)
    assert session.at == 0
    assert sum(end.packets["picture"] for end in lines(tmp_path, SegmentEnd)) >= 195
    assert all(isinstance(i, Frame | Gap) for i in live.frames)
    assert all(isinstance(i, Samples | Gap) for i in live.samples)


def test_sound_decoded_in_stretches_is_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, port = clip(), free_port()
    with recorded(f"udp://127.0.0.1:{port}", tmp_path) as recording, sender(file, f"udp://127.0.0.1:{port}?pkt_size=1316") as sending:
        sending.wait()
        recording.stop()
    source = SpooledSource("again", tmp_path)
    info = source.probe()
    unbroken = sound_of([i for i in source.samples(info, ALL) if isinstance(i, Samples)])
    # A minute each, otherwise.
    monkeypatch.setattr(spooled, "EPOCH", Fraction(2))
    stretches = list(source.samples(info, ALL))
    samples = [value(i) for i in stretches]
    joined = sound_of([i for i in stretches if isinstance(i, Samples)])
    assert len(joined) == len(unbroken)
    # Where one decoder follows another nothing is heard of it.
    assert np.abs(joined[: 16_000 * 7] - unbroken[: 16_000 * 7]).max() < 0.02
    chance = random.Random(7)
    for _ in range(4):
        start = Fraction(chance.randint(0, 7000), 1000)
        span = Span(start, start + Fraction(chance.randint(1, 3000), 1000))
        assert [value(i) for i in source.samples(info, span)] == within(samples, span, 10)
