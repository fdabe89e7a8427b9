"""SMPTE timecode: frames counted by the clock of the studio. At 29.97 and 59.94 a second labels may be dropped to keep up with it."""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from operators.errors import ConfigError
from operators.timeline import from_ms

RATES = {
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
    "50": Fraction(50),
    "59.94": Fraction(60000, 1001),
    "60": Fraction(60),
}
"""Frames a second that timecode is made of, by their usual names."""
LABEL = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d)[:;](\d{2})")


@dataclass(frozen=True, slots=True)
class Timecode:
    """`rate` frames a second; `start`: the label of the first frame, as a frame number."""

    name: str
    drop: bool
    first: int = 0

    @staticmethod
    def of(rate: str, start: str = "") -> "Timecode":
        """`rate`: one of `RATES`, with `df` behind it for drop-frame; `start`: HH:MM:SS:FF. Raises ConfigError."""
        name, drop = rate.removesuffix("df"), rate.endswith("df")
        if name not in RATES:
            raise ConfigError(f"no timecode of {rate} frames a second: one of {', '.join(RATES)}; 29.97df and 59.94df drop frames")
        if drop and name not in ("29.97", "59.94"):
            raise ConfigError(f"timecode of {name} frames a second drops none: write --rate {name}")
        timecode = Timecode(name, drop)
        return Timecode(name, drop, timecode.number(start)) if start else timecode

    @property
    def rate(self) -> Fraction:
        return RATES[self.name]

    @property
    def base(self) -> int:
        """Labels a second."""
        return round(self.rate)

    def label(self, milliseconds: int) -> str:
        """HH:MM:SS:FF of the frame that is nearest to an instant; a semicolon before the frames says that labels are dropped."""
        frame = self.first + floor(from_ms(milliseconds) * self.rate + Fraction(1, 2))
        if self.drop:
            frame = self._with_dropped(frame)
        seconds, frames = divmod(frame, self.base)
        mark = ";" if self.drop else ":"
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{frames:02}"

    def number(self, label: str) -> int:
        """Number of the frame of a label. Raises ConfigError where there is no such frame."""
        parts = LABEL.fullmatch(label)
        if parts is None:
            raise ConfigError(f"{label!r} is no timecode: write HH:MM:SS:FF")
        hours, minutes, seconds, frames = map(int, parts.groups())
        minutes += hours * 60
        if frames >= self.base:
            raise ConfigError(f"{label}: there are {self.base} frames in a second, 0 to {self.base - 1}")
        dropped = self.base // 15
        if self.drop and minutes % 10 and seconds == 0 and frames < dropped:
            raise ConfigError(f"{label}: drop-frame timecode has no such frame; the first of that minute is {dropped:02}")
        number = (minutes * 60 + seconds) * self.base + frames
        return number - dropped * (minutes - minutes // 10) if self.drop else number

    def _with_dropped(self, frame: int) -> int:
        """The number that a frame is labelled by: two (four) are left out each minute but the tenth."""
        dropped = self.base // 15
        minute = 60 * self.base - dropped
        tens, rest = divmod(frame, 10 * minute + dropped)
        skipped = 9 * tens + (max(0, rest - dropped) // minute if rest >= dropped else 0)
        return frame + dropped * skipped
