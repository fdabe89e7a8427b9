"""The script of a made clip: all that is to be seen, heard and said in it. What is true of a clip is read here."""

from dataclasses import dataclass
from fractions import Fraction

from operators.timeline import Span

MOVES = ("still", "pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "shake")
PACES = ("slowly", "", "quickly")
COLOURS = {
    "red": (215, 40, 40), "green": (40, 165, 60), "blue": (45, 80, 220), "yellow": (240, 220, 50), "orange": (245, 135, 25),
    "purple": (145, 50, 180), "white": (246, 246, 246), "pink": (245, 130, 185),
}  # fmt: skip
SHAPES = ("ball", "square", "triangle", "star")
WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
OPENINGS = ("start", "cut", "fade", "dissolve")
EFFECTS = ("black", "freeze", "flash", "blur", "cover", "noise")
BACKGROUNDS = ("rain", "hum", "music", "applause")
CALLS = ("siren", "alarm", "beep", "bang", "glass")
SMALLEST = 4
"""Letters of a name: shorter words of signs are those of any sentence."""
TOGETHER = Fraction(1, 4)
"""Seconds by which a bang may miss a flash and still be one strike."""


@dataclass(frozen=True, slots=True)
class Camera:
    move: str
    pace: str


@dataclass(frozen=True, slots=True)
class Thing:
    """Objects of one kind that move, or rest, together; or one that nobody can name, cut out of another picture."""

    number: int
    size: str
    """small | large"""
    colour: str
    shape: str
    way: str
    """left | right | up | down | still"""
    speed: float
    """Pictures' widths (or heights) a second."""
    cutout: str = ""
    """Key of the picture that it is cut out of; it has no colour and no shape then."""

    @property
    def noun(self) -> str:
        return self.shape if self.number == 1 else f"{self.shape}s"


@dataclass(frozen=True, slots=True)
class Effect:
    kind: str
    span: Span


@dataclass(frozen=True, slots=True)
class Shot:
    span: Span
    opening: str
    opens: Span
    """The fade or dissolve that leads into it; empty for a cut and for the start."""
    source: str
    """Key of its picture."""
    camera: Camera
    things: tuple[Thing, ...] = ()
    effect: Effect | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    label: str
    span: Span
    level_dbfs: float
    source: str
    """Key of its sound."""


@dataclass(frozen=True, slots=True)
class Spoken:
    text: str
    start: Fraction
    end: Fraction


@dataclass(frozen=True, slots=True)
class Line:
    """What one voice says."""

    kind: str
    """introduce | point | warn | read | chat"""
    words: tuple[Spoken, ...]
    voice: str
    name: str = ""
    place: str = ""
    thing: Thing | None = None
    """What is pointed out."""

    @property
    def span(self) -> Span:
        return Span(self.words[0].start, self.words[-1].end)


@dataclass(frozen=True, slots=True)
class Sign:
    """Text on the screen."""

    text: str
    span: Span
    top: bool


@dataclass(frozen=True, slots=True)
class Script:
    key: str
    seed: int
    duration: Fraction
    shots: tuple[Shot, ...]
    heard: tuple[Heard, ...] = ()
    lines: tuple[Line, ...] = ()
    signs: tuple[Sign, ...] = ()

    def shot_at(self, instant: Fraction) -> Shot:
        return next((s for s in self.shots if instant in s.span), self.shots[-1])

    @property
    def names(self) -> tuple[str, ...]:
        """In lower case: of people and places that are spoken of, and the words of signs but for the smallest."""
        said = {name for line in self.lines for name in (line.name, line.place) if name}
        written = {word for sign in self.signs for word in sign.text.split() if word.isalpha() and len(word) >= SMALLEST}
        return tuple(sorted(name.casefold() for name in said | written))

    @property
    def sounds(self) -> tuple[Heard, ...]:
        """What is heard, voices aside."""
        return tuple(h for h in self.heard if h.label != "speech")

    def flashes(self) -> list[Span]:
        return [s.effect.span for s in self.shots if s.effect and s.effect.kind == "flash"]

    def bangs(self) -> list[Span]:
        return [h.span for h in self.heard if h.label == "bang"]

    def strikes(self) -> list[Span]:
        return [f for f in self.flashes() if any(abs(f.start - b.start) <= TOGETHER for b in self.bangs())]

    def unseen_alarms(self) -> list[Span]:
        hidden = [s.effect.span for s in self.shots if s.effect and s.effect.kind in ("black", "cover")]
        alarms = [h.span for h in self.heard if h.label in ("siren", "alarm")]
        return [both for a in alarms for h in hidden if (both := a.common(h)) and both.duration >= Fraction(1, 2)]

    def shown(self, line: Line) -> Thing | None:
        """What a line points out, where it is in the picture as it is spoken of."""
        at = line.words[-1].start
        shot = self.shot_at(at)
        hidden = shot.effect is not None and shot.effect.kind in ("black", "cover") and at in shot.effect.span
        named = line.thing
        if named is None or hidden:
            return None
        return next((t for t in shot.things if (t.colour, t.shape) == (named.colour, named.shape)), None)

    def reads(self, line: Line) -> bool:
        """Whether a line reads a sign that is on the screen."""
        said = " ".join(w.text for w in line.words).casefold()
        return line.kind == "read" and any(s.text.casefold() in said and s.span.common(line.span) for s in self.signs)
