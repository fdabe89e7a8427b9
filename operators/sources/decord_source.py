"""The `decord` source: pictures of files that it can be trusted with, by their number, in a child process; sound by ffmpeg."""

import json
import sys
from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path

import numpy as np

from operators.errors import DecodeError, DecoderLost, SourceUnavailable
from operators.media import Frame, Pixels, Samples, StreamInfo
from operators.protocols import FramesNeed
from operators.records import Gap
from operators.sources.child import Child
from operators.sources.commands import MOST_THREADS, shown_size, threads_for
from operators.sources.decoding import Decoding
from operators.sources.ffmpeg_source import FfmpegSource
from operators.sources.grid import first_cell, frames_on_grid
from operators.sources.probe import Probe
from operators.sources.tracks import DEFAULTS, SourceOptions
from operators.timeline import Span, cell

CHUNK_BYTES = 100 << 20
"""Of pictures read by one reader: up to two chunks are in memory, one being decoded, one being taken."""
CHUNK_PICTURES = 4096
CHILD = Path(__file__).with_name("decord_child.py")
_UNSEEN = np.zeros((1, 1, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Pick:
    """The first picture of a cell."""

    number: int
    """Which picture of the file, in the order of showing."""
    at: Fraction
    index: int
    """Its cell."""
    key: int
    """Which key frame it is decoded from."""


class DecordSource:
    """One file. Each call of `frames` and `samples` has a decoder of its own; they may run at the same time."""

    Options = SourceOptions

    def __init__(self, uri: str, options: SourceOptions = DEFAULTS, found: Probe | None = None) -> None:
        self._ffmpeg = FfmpegSource(uri, options, found)

    def probe(self) -> StreamInfo:
        """Raises SourceUnavailable also where decord can not be trusted with the file."""
        found = self._ffmpeg.found
        if found.info.reader != "decord":
            raise SourceUnavailable(f"{found.source.name}: not by decord: {found.info.reader_reason}; read it by ffmpeg")
        return found.info

    def samples(self, info: StreamInfo, span: Span) -> Generator[Samples | Gap, None, None]:
        return self._ffmpeg.samples(info, span)

    def frames(self, info: StreamInfo, need: FramesNeed, span: Span) -> Generator[Frame | Gap, None, None]:
        """What decord refuses after all is read by ffmpeg from there on."""
        if info.picture is None:
            return
        rate, following = need.rate, first_cell(span.start, need.rate)
        picks = self._picks(info.picture.index, rate)
        begin = bisect_right(picks, following - 1, key=lambda p: p.index)
        end = bisect_right(picks, first_cell(span.end, rate) - 1, key=lambda p: p.index)
        holes = Decoding(self._ffmpeg.found, info.picture.index, "look").holes
        with closing(self._pictures(picks[begin:end], shown_size(info.picture, need.size_px))) as read:
            # The neighbours on both sides are known without being decoded: what a hole at the border is depends on them.
            pictures = chain(_unseen(picks[:begin][-1:]), read, _unseen(picks[end : end + 1]))
            try:
                for item in frames_on_grid(pictures, rate, span, holes, from_start=begin == 0):
                    yield item
                    following = first_cell(item.end, rate)
                return
            except DecodeError:
                pass
        yield from self._ffmpeg.frames(info, need, Span(max(span.start, Fraction(following, rate)), span.end))

    def _picks(self, track: int, rate: int) -> list[Pick]:
        found, zero = self._ffmpeg.found.scans[track], self._ffmpeg.found.info.zero
        keys = sorted(found.keys)
        picks: list[Pick] = []
        for number, ticks in enumerate(sorted(found.ticks)):
            at = ticks * found.time_base - zero
            index = cell(at, rate)
            if not picks or index > picks[-1].index:
                picks.append(Pick(number, at, index, bisect_right(keys, ticks)))
        return picks

    def _pictures(self, picks: Sequence[Pick], size: tuple[int, int]) -> Generator[tuple[Fraction, Pixels], None, None]:
        """Raises DecoderLost where a signal ended the child, DecodeError where decord fails."""
        width, height = size
        chunks = _chunks(picks, max(1, min(CHUNK_PICTURES, CHUNK_BYTES // (width * height * 3))))
        with Child(_command(self._ffmpeg.found, size)) as child:
            for ahead in chunks[:1]:
                _ask(child, ahead)
            for number, chunk in enumerate(chunks):
                for ahead in chunks[number + 1 : number + 2]:
                    _ask(child, ahead)
                for pick in chunk:
                    data = child.read_exactly(width * height * 3)
                    # A picture that a decoder patched up depends on its threads: what is damaged is left to ffmpeg.
                    if child.complaints:
                        raise DecodeError(f"{self._ffmpeg.found.source.name}: decord: {child.complaint}")
                    if len(data) < width * height * 3:
                        raise _ended(child, self._ffmpeg.found)
                    yield pick.at, np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _command(found: Probe, size: tuple[int, int]) -> list[str]:
    track = found.info.picture
    assert track is not None
    numbers = (*size, len(found.scans[track.index].ticks), threads_for(track.codec, MOST_THREADS))
    return [sys.executable, "-P", str(CHILD), str(found.source.path), *map(str, numbers)]


def _chunks(picks: Sequence[Pick], most: int) -> list[Sequence[Pick]]:
    """Runs of at most `most`, broken at key frames where possible: a chunk is decoded from the key frame before it."""
    chunks: list[list[Pick]] = []
    for _, group in groupby(picks, key=lambda p: p.key):
        run = list(group)
        if chunks and len(chunks[-1]) + len(run) <= most:
            chunks[-1] += run
        else:
            chunks += [run[i : i + most] for i in range(0, len(run), most)]
    return list(chunks)


def _ask(child: Child, chunk: Sequence[Pick]) -> None:
    child.write(json.dumps([p.number for p in chunk]).encode() + b"\n")


def _ended(child: Child, found: Probe) -> DecoderLost | DecodeError:
    status = child.end()
    if status < 0 and not child.hangs:
        return DecoderLost(f"{found.source.name}: decord's process was ended by signal {-status}")
    return DecodeError(f"{found.source.name}: decord: {child.complaint or f'ended with {status}'}")


def _unseen(picks: Sequence[Pick]) -> Iterator[tuple[Fraction, Pixels]]:
    return ((p.at, _UNSEEN) for p in picks)
