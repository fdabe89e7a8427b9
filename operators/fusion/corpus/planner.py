"""Writes the scripts of made clips, at random but seeded: what happens when, from which sources."""

import itertools
import random
from dataclasses import replace
from fractions import Fraction

from operators.fusion.corpus.names import NAMES, PLACES, SIGNS
from operators.fusion.corpus.script import (
    BACKGROUNDS,
    CALLS,
    COLOURS,
    EFFECTS,
    MOVES,
    PACES,
    SHAPES,
    TOGETHER,
    WAYS,
    Camera,
    Effect,
    Heard,
    Line,
    Script,
    Shot,
    Sign,
    Thing,
)
from operators.fusion.corpus.sounds import MADE
from operators.fusion.corpus.sources import Sources
from operators.fusion.corpus.speaking import speak
from operators.fusion.corpus.talk import talk
from operators.fusion.invented import invented
from operators.timeline import Span

THEMES = {"free": 35, "strike": 10, "unseen": 10, "pointing": 20, "reading": 8, "speakers": 10, "colours": 7}
"""What a clip is about, and how often: all but "free" set a scene in which two modalities matter, often by what is missing."""
STEP = 20
"""All instants lie on a grid of 1/STEP s."""
LENGTHS = {"siren": (2.0, 5.0), "alarm": (1.5, 4.0), "beep": (0.25, 0.8), "bang": (0.6, 1.0), "glass": (0.6, 1.1)}
SPEEDS = (0.06, 0.25)
FREE = 0.4
"""Share of signs with words that nobody knows."""
UNNAMED = 0.45
"""Share of things that are cut out of another picture."""


def on_grid(seconds: float) -> Fraction:
    return Fraction(round(seconds * STEP), STEP)


class Planner:
    """One clip: its script. `rng` decides everything."""

    def __init__(self, key: str, seed: int, sources: Sources) -> None:
        self.rng = random.Random(f"{key}/{seed}")
        self._key, self._seed, self._sources = key, seed, sources
        self._duration = on_grid(self.rng.uniform(8, 12))
        self._heard: list[Heard] = []
        self._lines: list[Line] = []
        self._signs: list[Sign] = []

    def script(self) -> Script:
        theme = self.rng.choices(list(THEMES), list(THEMES.values()))[0]
        shots = self._shots({"speakers": 2, "colours": 2}.get(theme, 0))
        if theme in ("free", "reading", "speakers", "colours"):
            shots = [self._affected(s) if self.rng.random() < 0.3 else s for s in shots]
        shots = getattr(self, f"_{theme}", lambda s: s)(shots)
        self._fill(theme, shots)
        heard, lines, signs = tuple(self._heard), tuple(self._lines), tuple(self._signs)
        return Script(self._key, self._seed, self._duration, tuple(shots), heard, lines, signs)

    def _shots(self, least: int) -> list[Shot]:
        count = max(least, self.rng.choices((1, 2, 3), (45, 40, 15))[0])
        room = float(self._duration) - 2.6 * count
        cuts = sorted(self.rng.uniform(0, room) for _ in range(count - 1))
        borders = [Fraction(0), *(on_grid(c + 2.6 * (n + 1)) for n, c in enumerate(cuts)), self._duration]
        return [self._shot(n, Span(a, b)) for n, (a, b) in enumerate(itertools.pairwise(borders))]

    def _shot(self, n: int, span: Span) -> Shot:
        rng = self.rng
        opening = rng.choices(("cut", "fade", "dissolve"), (50, 25, 25))[0] if n else "start"
        half = on_grid(rng.uniform(0.3, 0.8)) if opening in ("fade", "dissolve") else Fraction(0)
        camera = Camera(rng.choices(MOVES, (40, 10, 10, 8, 8, 8, 8, 8))[0], rng.choice(PACES))
        things = self._things(rng.choices((0, 1, 2), (40, 35, 25))[0])
        if things and camera.move != "still" and rng.random() < 0.75:
            camera = Camera("still", "")
        return Shot(span, opening, Span(span.start - half, span.start + half), self._picture(), camera, things, seed=rng.randrange(2**31))

    def _things(self, groups: int, named: bool = False) -> tuple[Thing, ...]:
        """`named`: each has a colour and a shape."""
        rng = self.rng
        colours, ways = rng.sample(list(COLOURS), 2), rng.sample(list(WAYS), 2)
        found = []
        for colour, way in list(zip(colours, ways, strict=True))[:groups]:
            size, speed = rng.choice(("small", "large")), rng.uniform(*SPEEDS)
            if not named and rng.random() < UNNAMED:
                found.append(Thing(1, size, "", "", way, speed, self._picture()))
                continue
            number = rng.choices((1, 2, 3), (60, 25, 15))[0]
            found.append(Thing(number, size, colour, rng.choice(SHAPES), way if rng.random() < 0.85 else "still", speed))
        return tuple(found)

    def _picture(self) -> str:
        rng, sources = self.rng, self._sources
        if sources.photographs and rng.random() < 0.5:
            return rng.choice(sources.photographs)
        return f"made:{rng.choice(sources.textures)}:{rng.choice(sources.variants())}"

    def _affected(self, shot: Shot, kind: str = "", within: Span | None = None) -> Shot:
        """The shot with an effect, clear of its borders. A freeze needs something that would move."""
        rng = self.rng
        kind = kind or rng.choice(EFFECTS)
        if kind == "freeze" and shot.camera.move == "still":
            shot = replace(shot, camera=Camera(rng.choice(MOVES[1:]), "quickly"))
        length = rng.uniform(0.25, 0.4) if kind == "flash" else rng.uniform(1.2, 2.6)
        room = within or Span(shot.opens.end + Fraction(3, 10), shot.span.end - 1)
        span = self._place(room, min(length, float(room.duration)))
        return replace(shot, effect=Effect(kind, span))

    def _place(self, room: Span, length: float) -> Span:
        start = on_grid(self.rng.uniform(float(room.start), max(float(room.start), float(room.end) - length)))
        return Span(start, max(start + Fraction(1, STEP), start + on_grid(length)))

    def _hear(self, label: str, span: Span, level_dbfs: float) -> None:
        end = min(span.end, self._duration)
        if end - span.start >= Fraction(1, 5):
            self._heard.append(Heard(label, Span(span.start, end), level_dbfs, self._source(label)))

    def _source(self, label: str) -> str:
        recorded = self._sources.recordings.get(label)
        if recorded and (label not in MADE or self.rng.random() < 0.6):
            return self.rng.choice(recorded)
        return f"made:{label}:{self.rng.choice(self._sources.variants())}"

    def _call(self, label: str, at: Fraction | None = None) -> None:
        length = self.rng.uniform(*LENGTHS[label])
        span = self._place(Span(Fraction(0), self._duration), length) if at is None else Span(at, at + on_grid(length))
        self._hear(label, span, self.rng.uniform(-20, -10))

    def _say(self, kind: str, at: Fraction, **known: str) -> Line | None:
        """A line that begins at `at`, if it is over before the clip and no other is heard meanwhile."""
        rng, split = self.rng, self._sources.split
        told = " ".join(talk(split, rng) for _ in range(rng.choice((1, 1, 2, 3))))
        said = {"name": rng.choice(NAMES[split]), "place": rng.choice(PLACES[split]), "talk": told, **known}
        thing = Thing(1, "", said["colour"], said["shape"], "", 0.0) if kind == "point" else None
        line = speak(kind, at, said, rng.choice(self._sources.voices), rng, thing)
        if line.span.end > self._duration or any(line.span.overlap(other.span) for other in self._lines):
            return None
        self._lines.append(line)
        return line

    def _write(self, span: Span) -> Sign:
        rng, split = self.rng, self._sources.split
        pattern = rng.choice(SIGNS[split])
        if rng.random() < FREE:
            written = [invented(rng) for _ in range(rng.randint(1, 5))]
            pattern = " ".join(word.upper() for word in written) if rng.random() < 0.5 else " ".join(written).capitalize()
        text = pattern.format(n=rng.randint(1, 99), place=rng.choice(PLACES[split]).upper(), name=rng.choice(NAMES[split]).upper())
        sign = Sign(text, span, rng.random() < 0.4)
        self._signs.append(sign)
        return sign

    def _strike(self, shots: list[Shot]) -> list[Shot]:
        """A flash and a bang, together or clearly apart."""
        n = self.rng.randrange(len(shots))
        shots[n] = self._affected(shots[n], "flash")
        flash = shots[n].effect
        assert flash is not None
        if self.rng.random() < 0.5:
            self._call("bang", flash.span.start + on_grid(self.rng.uniform(0, float(TOGETHER) - 0.05)))
        else:
            apart = [t for t in (flash.span.start - 2, flash.span.start + 2) if 0 <= t <= self._duration - 1]
            self._call("bang", self.rng.choice(apart))
        return shots

    def _unseen(self, shots: list[Shot]) -> list[Shot]:
        """The picture is hidden, and a sound is heard then or at another time."""
        n = max(range(len(shots)), key=lambda n: shots[n].span.duration)
        shots[n] = self._affected(shots[n], self.rng.choice(("black", "cover", "black", "cover", "freeze", "blur")))
        effect, label = shots[n].effect, self.rng.choice(("siren", "alarm", "siren", "alarm", "beep", "glass"))
        assert effect is not None
        other = self.rng.choice([c for c in CALLS if c not in (label, "bang")])
        if self.rng.random() < 0.65:
            self._call(label, effect.span.start + Fraction(1, 5))
        apart = effect.span.start - 3 if effect.span.start >= 3 else effect.span.end + Fraction(1, 2)
        if self.rng.random() < 0.6 and apart <= self._duration - 1:
            length = min(self.rng.uniform(*LENGTHS[other]), 2.0)
            self._hear(other, Span(apart, apart + on_grid(length)), self.rng.uniform(-20, -10))
        return shots

    def _pointing(self, shots: list[Shot]) -> list[Shot]:
        """Somebody speaks of a thing: one of those in the picture, or one that is not there."""
        rng = self.rng
        n = max(range(len(shots)), key=lambda n: shots[n].span.duration)
        shots[n] = replace(shots[n], things=self._things(2, named=True), camera=Camera("still", ""))
        meant = rng.choice(shots[n].things)
        colour, shape = meant.colour, meant.shape
        if rng.random() < 0.35:
            colour = rng.choice([c for c in COLOURS if c not in [t.colour for t in shots[n].things]])
        self._say("point", shots[n].opens.end + on_grid(rng.uniform(0.1, 0.6)), colour=colour, shape=shape)
        return shots

    def _reading(self, shots: list[Shot]) -> list[Shot]:
        """Text on the screen, and somebody who reads it or another text."""
        shot = self.rng.choice(shots)
        start = shot.opens.end + Fraction(1, 5)
        sign = self._write(Span(start, shot.span.end if self.rng.random() < 0.5 else max(start + 2, shot.span.end - 1)))
        other = self.rng.choice([s for s in SIGNS[self._sources.split] if "{" not in s])
        text = sign.text if self.rng.random() < 0.6 else other
        self._say("read", start + on_grid(self.rng.uniform(0.1, 0.5)), text=text.lower())
        return shots

    def _speakers(self, shots: list[Shot]) -> list[Shot]:
        """Two people who speak in two shots, over different cameras and different sounds."""
        moves = self.rng.sample(MOVES, 2)
        for n, label in enumerate(self.rng.sample([*BACKGROUNDS, ""], 2)):
            shots[n] = replace(shots[n], camera=Camera(moves[n], self.rng.choice(PACES[1:])), things=())
            self._say("introduce", shots[n].span.start + Fraction(1, 5))
            if label:
                self._hear(label, shots[n].span, self.rng.uniform(-30, -22))
        return shots

    def _colours(self, shots: list[Shot]) -> list[Shot]:
        """Different things in two shots, and a short sound in one of them."""
        for n, thing in enumerate(self._things(2, named=True)):
            shots[n] = replace(shots[n], things=(thing,), camera=Camera("still", ""))
        shot = self.rng.choice(shots[:2])
        self._call(self.rng.choice(("beep", "glass", "bang")), shot.opens.end + on_grid(self.rng.uniform(0.2, 0.9)))
        return shots

    def _fill(self, theme: str, shots: list[Shot]) -> None:
        """What else is heard, said and written, whatever the clip is about."""
        rng = self.rng
        if theme != "speakers" and rng.random() < 0.5:
            label = rng.choice(BACKGROUNDS)
            whole = rng.random() < 0.6
            span = Span(Fraction(0), self._duration) if whole else self._place(Span(Fraction(0), self._duration), rng.uniform(2.5, 6))
            self._hear(label, span, rng.uniform(-34, -22))
        for _ in range(rng.choices((0, 1, 2), (45, 40, 15))[0] if theme in ("free", "pointing", "reading") else 0):
            self._call(rng.choice(CALLS))
        for _ in range(rng.choices((0, 1), (40, 60))[0] if theme != "speakers" else 0):
            self._say(
                rng.choice(("introduce", "introduce", "warn", "chat", "chat", "chat", "chat")),
                self._place(Span(Fraction(0), self._duration), 3).start,
            )
        if self._sources.recordings.get("speech") and not self._lines and rng.random() < 0.35:
            self._hear("speech", self._place(Span(Fraction(0), self._duration), rng.uniform(2, 5)), rng.uniform(-24, -14))
        if not self._signs and rng.random() < 0.25:
            shot = rng.choice(shots)
            self._write(self._place(Span(shot.opens.end, shot.span.end), rng.uniform(2, 5)))
        self._signs = [replace(s, span=Span(s.span.start, min(s.span.end, self._duration))) for s in self._signs]
