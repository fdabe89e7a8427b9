"""What was measured of pictures, in words: light, colours, movement, text on the screen. Nothing is guessed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from operators.captioners.phrases import listed, number
from operators.facts import Motion, SeenText, Shot

BLANK_CONTRAST = 0.03
LIGHT = ((0.12, "very dark"), (0.3, "dark"), (0.65, ""), (0.82, "bright"), (float("inf"), "very bright"))
"""Up to this mean luma, the word for it."""
LOW_CONTRAST, HIGH_CONTRAST = 0.07, 0.3
COLOURLESS = 0.05
"""Mean saturation below which a picture has no colour to speak of."""
COLOUR_SHARE, MOSTLY = 0.12, 0.7
MOVES_NOT, MOVES, MOVES_MUCH = 0.002, 0.01, 0.25
"""Share of the picture that moves of its own."""
CAMERA = {
    "pan_left": "pans left",
    "pan_right": "pans right",
    "tilt_up": "tilts up",
    "tilt_down": "tilts down",
    "zoom_in": "closes in",
    "zoom_out": "widens",
    "shaky": "shakes",
}
SLOW_PER_S, FAST_PER_S = 0.05, 0.3
READABLE = 0.6
"""Confidence from which a line on the screen is quoted."""
MOST_LINES, MOST_CHARACTERS = 4, 120


@dataclass(frozen=True, slots=True)
class Look:
    """What shots look like on the whole, weighed by their length."""

    brightness: float
    contrast: float
    saturation: float
    colours: tuple[tuple[str, float], ...]
    """(name, share), largest first."""


def picture(shots: Sequence[Shot]) -> str:
    """Of at least one shot: 'out of a fade, a dark picture in blue and black; the view pans left slowly'."""
    look = _blend(shots)
    if look.contrast < BLANK_CONTRAST:
        return f"the screen is {_blank(look)}"
    main = max(shots, key=lambda s: s.end - s.start)
    if (main.end - main.start) * 3 < (shots[-1].end - shots[0].start) * 2:
        text = ", ".join(filter(None, [f"{number(len(shots))} quick shots", *_adjectives(look), _colours(look)]))
    else:
        colours = _colours(look)
        joint = ", " if colours.startswith("mostly") else " "
        text = f"a {', '.join(_adjectives(look))} picture".replace("  ", " ") + (joint + colours if colours else "")
        text += "".join(f"; {m}" for m in [movement(main.motion)] if m)
    opening = {"fade": "out of a fade, ", "part": "the shot goes on: "}.get(shots[0].opens_with, "")
    return opening + text + ("; it fades out" if shots[-1].closes_with == "fade" else "")


def movement(motion: Motion) -> str:
    """For example 'the view tilts up quickly while something moves at the left'; empty where nothing sure can be said."""
    parts = []
    if motion.camera in CAMERA:
        parts.append(f"the view {CAMERA[motion.camera]}{_pace(motion)}")
    if motion.objects >= MOVES:
        parts.append(_moving(motion))
    elif motion.objects < MOVES_NOT and motion.camera == "still":
        parts.append("hardly anything moves")
    return " while ".join(parts)


def reading(seen: Sequence[SeenText]) -> str:
    """'the screen reads "SINTEL" and "COMING SOON"': in reading order, cut short where it is long. Empty where nothing can be read."""
    lines: dict[str, str] = {}
    for text in sorted(seen, key=lambda t: (t.start, t.box[1], t.box[0])):
        if text.confidence >= READABLE:
            lines.setdefault(text.text.casefold(), text.text)
    shown: list[str] = []
    for line in lines.values():
        if len(shown) == MOST_LINES or (shown and sum(map(len, shown)) + len(line) > MOST_CHARACTERS):
            break
        shown.append(f'"{_shorten(line)}"')
    return f"the screen reads {listed(shown, more=len(lines) > len(shown))}" if shown else ""


def _blend(shots: Sequence[Shot]) -> Look:
    weights = [float(s.end - s.start) for s in shots]
    total = sum(weights) or 1.0

    def mean(values: Sequence[float]) -> float:
        return sum(w * v for w, v in zip(weights, values, strict=True)) / total

    shares: defaultdict[str, float] = defaultdict(float)
    for weight, shot in zip(weights, shots, strict=True):
        for name, share in zip(shot.colours, shot.colour_shares, strict=True):
            shares[name] += share * weight / total
    colours = sorted(shares.items(), key=lambda c: (-c[1], c[0]))
    return Look(mean([s.brightness for s in shots]), mean([s.contrast for s in shots]), mean([s.saturation for s in shots]), tuple(colours))


def _blank(look: Look) -> str:
    if look.brightness < 0.06:
        return "black"
    if look.brightness > 0.94:
        return "white"
    return f"plain {look.colours[0][0]}" if look.colours else "blank"


def _adjectives(look: Look) -> list[str]:
    light = next(word for limit, word in LIGHT if look.brightness < limit)
    contrast = "low-contrast" if look.contrast < LOW_CONTRAST else "high-contrast" if look.contrast > HIGH_CONTRAST else ""
    return [word for word in (light, contrast, "black-and-white" if look.saturation < COLOURLESS else "") if word]


def _colours(look: Look) -> str:
    if look.saturation < COLOURLESS or not look.colours:
        return ""
    name, share = look.colours[0]
    if share >= MOSTLY:
        return f"mostly {name}"
    return "in " + listed([name, *(n for n, s in look.colours[1:3] if s >= COLOUR_SHARE)])


def _pace(motion: Motion) -> str:
    speed = {"pan": motion.pan_per_s, "tilt": motion.tilt_per_s, "zoom": motion.zoom_per_s}.get(motion.camera.split("_")[0])
    if speed is None:
        return ""
    return " slowly" if abs(speed) < SLOW_PER_S else " quickly" if abs(speed) > FAST_PER_S else ""


def _moving(motion: Motion) -> str:
    if motion.region is None:
        return "much of the picture moves" if motion.objects >= MOVES_MUCH else "there is movement in several places"
    x, y, width, height = motion.region
    if width * height >= 0.5:
        return "much of the picture moves" if motion.objects >= MOVES_MUCH else "there is movement across the picture"
    column = ("left", "", "right")[min(2, int((x + width / 2) * 3))]
    row = ("upper", "", "lower")[min(2, int((y + height / 2) * 3))]
    place = {("", ""): "in the centre", ("upper", ""): "at the top", ("lower", ""): "at the bottom"}.get((row, column))
    size = "small " if width * height < 0.02 else ""
    return f"something {size}moves {place or 'at the ' + f'{row} {column}'.strip()}"


def _shorten(line: str) -> str:
    return line if len(line) <= MOST_CHARACTERS else line[:MOST_CHARACTERS].rsplit(" ", 1)[0] + "…"
