"""What RFC 8216 asks of a media playlist at every instant, read by a parser of the tests' own."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import webvtt


@dataclass
class Entry:
    name: str
    duration: float
    discontinuity: bool
    date_time: str | None


@dataclass
class Listing:
    text: str
    head: dict[str, str] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        lines = self.text.splitlines()
        assert lines[0] == "#EXTM3U"
        assert self.text.endswith("\n")
        duration, broken, when = None, False, None
        for line in lines[1:]:
            assert "#EXT-X-ENDLIST" not in self.head, "nothing stands behind the end"
            tag, _, value = line.partition(":")
            if tag == "#EXTINF":
                duration = float(value.rstrip(","))
            elif tag == "#EXT-X-DISCONTINUITY":
                broken = True
            elif tag == "#EXT-X-PROGRAM-DATE-TIME":
                when = value
            elif not line.startswith("#"):
                assert duration is not None, "each segment has its duration"
                self.entries.append(Entry(line, duration, broken, when))
                duration, broken, when = None, False, None
            else:
                assert tag == "#EXT-X-ENDLIST" or not self.entries, f"{tag} stands in front"
                assert tag not in self.head, f"{tag} stands once"
                self.head[tag] = value
        assert int(self.head["#EXT-X-VERSION"]) >= 3, "durations are no whole numbers"
        assert all(int(e.duration + 0.5) <= self.target for e in self.entries), "no segment is longer than the target duration"

    @property
    def target(self) -> int:
        return int(self.head["#EXT-X-TARGETDURATION"])

    @property
    def first(self) -> int:
        return int(self.head["#EXT-X-MEDIA-SEQUENCE"])

    @property
    def discontinuities(self) -> int:
        return int(self.head.get("#EXT-X-DISCONTINUITY-SEQUENCE", 0))

    @property
    def ended(self) -> bool:
        return "#EXT-X-ENDLIST" in self.head

    @property
    def kind(self) -> str | None:
        return self.head.get("#EXT-X-PLAYLIST-TYPE")

    @property
    def duration(self) -> float:
        return sum(e.duration for e in self.entries)

    def shape(self) -> tuple[object, ...]:
        """What all renditions have in common."""
        listed = [(Path(e.name).stem, e.duration, e.discontinuity, e.date_time) for e in self.entries]
        return self.target, self.first, self.discontinuities, self.ended, self.kind, listed


def check_follows(old: Listing, new: Listing) -> None:
    """Whether a server may replace one by the other (6.2.1, 6.2.2)."""
    assert (new.target, new.kind) == (old.target, old.kind)
    if old.ended:
        assert new.text == old.text
    gone = new.first - old.first
    assert 0 <= gone <= len(old.entries), "numbers go on, and there is no hole"
    kept = old.entries[gone:]
    assert new.entries[: len(kept)] == kept, "what is listed stays as it is"
    assert new.discontinuities == old.discontinuities + sum(e.discontinuity for e in old.entries[:gone])
    if gone:
        assert new.kind is None, "these only grow"
        assert new.duration >= 3 * new.target - 1e-3, "as much is left as a player needs"


def check_served(folder: Path, listing: Listing) -> None:
    for entry in listing.entries:
        assert (folder / entry.name).stat().st_size, entry.name


def cues_of(file: Path) -> list[tuple[str, str, str]]:
    return [(cue.start, cue.end, cue.text) for cue in webvtt.read(file)]


def map_of(file: Path) -> tuple[int, int]:
    """(ticks of the media's clock, milliseconds of the cues')."""
    found = re.search(r"^X-TIMESTAMP-MAP=MPEGTS:(\d+),LOCAL:(\d+):(\d\d):(\d\d)\.(\d{3})$", file.read_text(), re.M)
    assert found
    ticks, hours, minutes, seconds, ms = map(int, found.groups())
    return ticks, ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
