"""The `decord` source: pictures of files that it can be trusted with, by their number, in a child process; sound by ffmpeg."""

import json
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from fractions import Fraction
from functools import cached_property
from itertools import chain
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
from operators.sources.picture_index import Pick, PictureIndex
from operators.sources.probe import Probe
from operators.sources.tracks import DEFAULTS, SourceOptions
from operators.timeline import Span

CHUNK_BYTES = 100 << 20
"""Of pictures read by one reader: up to two chunks are in memory, one being decoded, one being taken."""
CHUNK_PICTURES = 4096
CHILD = Path(__file__).with_name("decord_child.py")
_UNSEEN = np.zeros((1, 1, 3), np.uint8)


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
        holes = Decoding(self._ffmpeg.found, info.picture.index, "look").holes
        begin, end = (self._index.since(Fraction(first_cell(instant, rate), rate)) for instant in (span.start, span.end))
        with closing(self._pictures(need, span, shown_size(info.picture, need.size_px))) as read:
            # The neighbours on both sides are known without being decoded: what a hole at the border is depends on them.
            pictures = chain(self._unseen(begin - 1), read, self._unseen(end))
            try:
                for item in frames_on_grid(pictures, rate, span, holes, from_start=begin == 0):
                    yield item
                    following = first_cell(item.end, rate)
                return
            except DecodeError:
                pass
        yield from self._ffmpeg.frames(info, need, Span(max(span.start, Fraction(following, rate)), span.end))

    @cached_property
    def _index(self) -> PictureIndex:
        info = self.probe()
        assert info.picture is not None
        return PictureIndex(self._ffmpeg.found.scans[info.picture.index], info.zero)

    def _unseen(self, number: int) -> Sequence[tuple[Fraction, Pixels]]:
        return [(self._index.at(number), _UNSEEN)] if 0 <= number < self._index.count else []

    def _pictures(self, need: FramesNeed, span: Span, size: tuple[int, int]) -> Generator[tuple[Fraction, Pixels], None, None]:
        """Raises DecoderLost where a signal ended the child, DecodeError where decord fails."""
        width, height = size
        cells = first_cell(span.start, need.rate), first_cell(span.end, need.rate)
        chunks = self._index.chunks(*cells, need.rate, max(1, min(CHUNK_PICTURES, CHUNK_BYTES // (width * height * 3))))
        ahead = next(chunks, None)
        if ahead is None:
            return
        with Child(self._command(size)) as child:
            _ask(child, ahead)
            while ahead:
                chunk, ahead = ahead, next(chunks, None)
                if ahead:
                    _ask(child, ahead)
                for pick in chunk:
                    data = child.read_exactly(width * height * 3)
                    if child.complaints or len(data) < width * height * 3:
                        raise self._failure(child)
                    yield pick.at, np.frombuffer(data, np.uint8).reshape(height, width, 3)

    def _command(self, size: tuple[int, int]) -> list[str]:
        found = self._ffmpeg.found
        threads = threads_for(found.info.picture.codec, MOST_THREADS) if found.info.picture else 1
        return [sys.executable, "-P", str(CHILD), str(found.source.path), *map(str, (*size, self._index.count, threads))]

    def _failure(self, child: Child) -> DecoderLost | DecodeError:
        """A picture that a decoder complained of depends on its threads, as it was patched up: it is not decord's to give."""
        name = self._ffmpeg.found.source.name
        if child.complaints:
            return DecodeError(f"{name}: decord: {child.complaint}")
        status = child.end()
        if status < 0 and not child.hangs:
            return DecoderLost(f"{name}: decord's process was ended by signal {-status}")
        return DecodeError(f"{name}: decord's process ended with {status}")


def _ask(child: Child, chunk: Sequence[Pick]) -> None:
    child.write(json.dumps([p.number for p in chunk]).encode() + b"\n")
