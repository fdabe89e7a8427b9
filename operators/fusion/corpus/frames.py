"""Scripts to pictures: what the camera sees, things in front of it, effects, signs and transitions."""

from fractions import Fraction

import cv2
import numpy as np

from operators.fusion.clip import FRAME_HEIGHT, FRAME_WIDTH
from operators.fusion.corpus.pictures import HEIGHT, WIDTH, picture
from operators.fusion.corpus.recording import Recording
from operators.fusion.corpus.script import COLOURS, WAYS, Effect, Script, Shot, Sign, Thing
from operators.media import Pixels

Canvas = np.ndarray
"""float32 [FRAME_HEIGHT, FRAME_WIDTH, 3], 0-255."""

PACE = {"slowly": 0.5, "": 1.0, "quickly": 1.8}
PAN_PER_S, ZOOM_PER_S, SHAKE_PX = 0.09, 0.10, 3.0
"""Pictures' widths a second at an ordinary pace, relative scale a second, and pixels of the frame."""
REACH = 1.75
"""Of a cutout's first ellipse: how far the others and the soft edges lie from its middle."""
SUB = 4
"""Bits of a pixel that things are placed by."""


def render(script: Script, times: tuple[Fraction, ...]) -> Pixels:
    """uint8 [n, FRAME_HEIGHT, FRAME_WIDTH, 3]: what is seen at these instants."""
    recording = Recording.drawn(np.random.default_rng((script.seed, 3)))
    return np.stack([_frame(script, recording, t) for t in times])


def _frame(script: Script, recording: Recording, at: Fraction) -> Pixels:
    n = script.shots.index(script.shot_at(at))
    seen = _seen(script.shots[n], recording, at)
    taken = _shown(script.shots[n], at)
    following = [s for s in script.shots[n : n + 2] if at in s.opens]
    if following:
        shot = following[0]
        before = script.shots[script.shots.index(shot) - 1]
        share = float((at - shot.opens.start) / shot.opens.duration)
        seen = transition(shot.opening, _seen(before, recording, at), _seen(shot, recording, at), share)
    seen = recording.exposed(seen, float(taken))
    for sign in script.signs:
        if at in sign.span:
            _write(seen, sign)
    return recording.coded(np.asarray(np.clip(seen, 0, 255), np.uint8))


def transition(kind: str, old: Canvas, new: Canvas, share: float) -> Canvas:
    """`share`, 0-1, of a fade (through black) or a dissolve from one picture to another."""
    if kind == "dissolve":
        return old * (1 - share) + new * share
    return old * (1 - 2 * share) if share < 0.5 else new * (2 * share - 1)


def _shown(shot: Shot, at: Fraction) -> Fraction:
    """The instant that is to be seen: in a freeze, that of its first picture."""
    frozen = shot.effect is not None and shot.effect.kind == "freeze" and at in shot.effect.span
    return shot.effect.span.start if frozen and shot.effect else at


def _seen(shot: Shot, recording: Recording, at: Fraction) -> Canvas:
    effect = shot.effect if shot.effect and at in shot.effect.span else None
    shown = _shown(shot, at)
    since = float(shown - shot.span.start)
    rng = np.random.default_rng((shot.seed, round(float(shown) * 1000)))
    canvas = _look(shot, recording, since, rng)
    for n, thing in enumerate(shot.things):
        _draw(canvas, thing, since, np.random.default_rng((shot.seed, n)))
    canvas = recording.focused(canvas)
    if effect:
        canvas = affected(canvas, effect, at, rng)
    return np.asarray(canvas + rng.standard_normal((FRAME_HEIGHT, FRAME_WIDTH, 1)).astype(np.float32) * recording.grain)


def _look(shot: Shot, recording: Recording, since: float, rng: np.random.Generator) -> Canvas:
    """The picture through the camera: it looks at a part of it that moves or changes its size."""
    length, pace = float(shot.span.duration), PACE[shot.camera.pace]
    start = np.random.default_rng(shot.seed)
    scale, x, y = start.uniform(0.55, 0.75), 0.5, 0.5
    move = shot.camera.move
    if move.startswith(("pan", "tilt")):
        # In the source's widths: turned back at its border by mirroring, which a long fast pan may reach.
        shift = (since - length / 2) * PAN_PER_S * pace * scale
        sign = 1 if move in ("pan_right", "tilt_down") else -1
        x, y = (x + sign * shift, y) if move.startswith("pan") else (x, y + sign * shift)
    elif move.startswith("zoom"):
        rate = ZOOM_PER_S * pace * (-1 if move == "zoom_in" else 1)
        scale *= float(np.exp(rate * (since - length / 2)))
    across, down = recording.hand(since)
    left, top = x * WIDTH - scale * WIDTH / 2 + across * scale * 2, y * HEIGHT - scale * HEIGHT / 2 + down * scale * 2
    if move == "shake":
        left, top = left + rng.normal(0, SHAKE_PX) * scale * 2, top + rng.normal(0, SHAKE_PX) * scale * 2
    matrix = np.array([[scale * 2, 0, left], [0, scale * 2, top]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(picture(shot.source), matrix, (FRAME_WIDTH, FRAME_HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(seen, np.float32)


def _draw(canvas: Canvas, thing: Thing, since: float, place: np.random.Generator) -> None:
    """Things side by side; what has left the picture comes back on the other side."""
    radius = (4.0 if thing.size == "small" else 8.0) * place.uniform(0.9, 1.1)
    if thing.cutout and thing.size == "large":
        radius *= place.uniform(0.9, 2.4)  # what passes close by fills half of the picture
    dx, dy = WAYS.get(thing.way, (0, 0))
    x0, y0 = place.uniform(0, 1), place.uniform(0.2, 0.8)
    form = (0.6, 1.5) if place.random() < 0.5 else (1.4, 0.8)  # tall as people are or wide as cars
    # A thing that has a number, a colour and a shape is never wholly out of sight; any other leaves the picture before it comes again.
    out_x, out_y = (REACH * radius * f * abs(d) if thing.cutout else 0.0 for f, d in zip(form, (dx, dy), strict=True))
    for n in range(thing.number):
        spread = n * (2.6 * radius)
        x = x0 * FRAME_WIDTH + (spread if dy or not dx else 0) + dx * thing.speed * since * FRAME_WIDTH
        y = y0 * FRAME_HEIGHT + (spread if dx else 0) + dy * thing.speed * since * FRAME_HEIGHT
        x, y = (x + out_x) % (FRAME_WIDTH + 2 * out_x) - out_x, (y + out_y) % (FRAME_HEIGHT + 2 * out_y) - out_y
        if thing.cutout:
            _paste(canvas, thing.cutout, (x, y), (form[0] * radius, form[1] * radius), since, place)
        else:
            _stamp(canvas, thing, x, y, radius)


def _paste(
    canvas: Canvas, source: str, at: tuple[float, float], half: tuple[float, float], since: float, shape: np.random.Generator
) -> None:
    """What a few soft ellipses cut out of a picture; they swing a little against each other. half: axes of the first, in pixels."""
    ys, xs = np.mgrid[:FRAME_HEIGHT, :FRAME_WIDTH]
    (x, y), (wide, high) = at, half
    apart = np.full((FRAME_HEIGHT, FRAME_WIDTH), np.inf)
    for n in range(int(shape.integers(1, 5))):
        size, pace, phase = (1.0 if n == 0 else shape.uniform(0.35, 0.8)), shape.uniform(0.5, 2), shape.uniform(0, 6)
        swing = 0.12 * np.sin(2 * np.pi * pace * since + phase) if n else 0.0
        dx, dy = ((shape.uniform(-0.7, 0.7) + swing) * wide, shape.uniform(-0.8, 0.8) * high) if n else (0.0, 0.0)
        apart = np.minimum(apart, np.hypot((xs - x - dx) / (wide * size), (ys - y - dy) / (high * size)))
    share = np.clip((1.15 - apart) / 0.3, 0, 1)[..., None].astype(np.float32)
    matrix = np.array([[1, 0, WIDTH / 2 - x], [0, 1, HEIGHT / 2 - y]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(picture(source), matrix, (FRAME_WIDTH, FRAME_HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    canvas += (cut - canvas) * share


def _stamp(canvas: Canvas, thing: Thing, x: float, y: float, radius: float) -> None:
    colour, edge = COLOURS[thing.colour], (25.0, 25.0, 25.0)
    if thing.shape == "ball":
        centre = (round(x * 2**SUB), round(y * 2**SUB))
        cv2.circle(canvas, centre, round((radius + 1) * 2**SUB), edge, -1, cv2.LINE_AA, SUB)
        cv2.circle(canvas, centre, round(radius * 2**SUB), colour, -1, cv2.LINE_AA, SUB)
        return
    for size, fill in ((radius + 1.2, edge), (radius, colour)):
        corners = (_outline(thing.shape) * size + (x, y)) * 2**SUB
        cv2.fillPoly(canvas, [corners.round().astype(np.int32)], fill, cv2.LINE_AA, SUB)


def _outline(shape: str) -> np.ndarray:
    """float [n, 2] of radius about 1."""
    if shape == "square":
        return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.9
    corners = {"triangle": 3, "star": 10}[shape]
    angles = np.arange(corners) * 2 * np.pi / corners - np.pi / 2
    reach = np.where(np.arange(corners) % 2, 0.45, 1.2) if shape == "star" else 1.15
    return np.stack([np.cos(angles) * reach, np.sin(angles) * reach], axis=-1)


def affected(canvas: Canvas, effect: Effect, at: Fraction, rng: np.random.Generator) -> Canvas:
    """A picture with an effect on it; of a freeze nothing is to be seen in a single one."""
    match effect.kind:
        case "black":
            return canvas * 0.02
        case "flash":
            return canvas * 0.15 + 215
        case "blur":
            return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 3.5))
        case "noise":
            return canvas + rng.standard_normal(canvas.shape).astype(np.float32) * 55
        case "cover":
            return _cover(canvas, float(at - effect.span.start))
    return canvas


def _cover(canvas: Canvas, since: float) -> Canvas:
    """A dark soft thing that comes from the side within a third of a second and leaves a thin border, if anything."""
    reach = min(1.0, (since + 0.1) / 0.3) * 1.12
    edge = np.clip((reach - np.linspace(0, 1, FRAME_WIDTH)) / 0.12, 0, 1)[None, :, None].astype(np.float32)
    hand = np.array([62, 44, 38], np.float32)
    return canvas * (1 - edge) + hand * edge


def _write(canvas: Canvas, sign: Sign) -> None:
    y = 9 if sign.top else FRAME_HEIGHT - 5
    width = min(FRAME_WIDTH - 4, 5 * len(sign.text) + 4)
    left = (FRAME_WIDTH - width) // 2
    plate = np.full((9, width, 3), 15, np.uint8)
    cv2.putText(plate, sign.text, (2, 7), cv2.FONT_HERSHEY_PLAIN, 0.5, (240.0, 240.0, 240.0), 1, cv2.LINE_AA)
    canvas[y - 7 : y + 2, left : left + width] = plate
