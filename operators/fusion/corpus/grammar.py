"""True sentences about a stretch of a made clip: in the plainest way, which is to be written, or put in one of many ways."""

import random
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction

from operators.fusion.clip import MODALITIES
from operators.fusion.corpus.script import COLOURS, Line, Script, Shot, Thing
from operators.timeline import Span

NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
CAMERA = {
    "pan_left": ("the camera pans left", "the view moves to the left"),
    "pan_right": ("the camera pans right", "the view moves to the right"),
    "tilt_up": ("the camera tilts up", "the view moves up"),
    "tilt_down": ("the camera tilts down", "the view moves down"),
    "zoom_in": ("the camera zooms in", "the view closes in"),
    "zoom_out": ("the camera zooms out", "the view widens"),
    "shake": ("the camera shakes", "the view is shaky"),
    "still": ("the camera stands still", "the view does not move"),
}
OPENED = {
    "cut": ("after a cut", "the picture cuts, and"),
    "fade": ("out of a fade", "after a fade through black"),
    "dissolve": ("after a dissolve", "one picture dissolves into another, and"),
}
BEGUN = {"cut": "the picture cuts", "fade": "the picture fades in", "dissolve": "one picture dissolves into another"}
HAPPENS = {
    "black": ("the screen goes black for a while", "for a while the picture is black"),
    "freeze": ("the picture freezes for a while", "for a while the picture stands frozen"),
    "flash": ("there is a flash", "the picture flashes"),
    "blur": ("the picture blurs for a while", "for a while the picture is out of focus"),
    "cover": ("something covers the lens for a while", "for a while the lens is covered"),
    "noise": ("the picture is full of noise for a while", "for a while there is noise in the picture"),
}
SOUNDS = {
    "speech": ("someone speaks", "a voice is heard"),
    "rain": ("rain is heard", "it rains"),
    "hum": ("something hums", "a hum is heard"),
    "music": ("music plays", "music is heard"),
    "applause": ("people clap", "applause is heard"),
    "siren": ("a siren is heard", "a siren wails"),
    "alarm": ("an alarm is heard", "an alarm goes off"),
    "beep": ("a beep is heard", "something beeps"),
    "bang": ("a bang is heard", "something bangs"),
    "glass": ("glass breaks", "the breaking of glass is heard"),
}
NOTHING = ("nothing is heard", "it is silent")
LEAST = Fraction(3, 5)
"""Seconds of a stretch that a thing must last to be told of it, if it is not brief."""
BRIEF = ("flash", "bang", "beep", "glass")


Pick = Callable[[Sequence[str]], str]
"""Of several ways to say the same."""


def tell(script: Script, shot: Shot, has: Collection[str] = MODALITIES) -> str:
    """What is seen, read, heard and said in a shot, as far as the modalities that one `has` tell it: a sentence for each thing that can be
    known by itself, always in the same words and order, so that one who is sure of it is sure of the sentence."""
    parts: list[str] = []
    if "frames" in has:
        seen = sorted((t for t in shot.things if not t.cutout or t.way != "still"), key=_rank)
        parts += [
            BEGUN.get(shot.opening, ""),
            _first(CAMERA[shot.camera.move]),
            *(_plainly(t) for t in seen),
            _effect(script, shot, _first, has),
        ]
    if "words" in has:
        parts += [_signs(script, shot, _first), *_lines(script, shot, _first, has)]
    if "sound" in has:
        parts += sorted(_sounds(script, shot, _first, has))
    return " ".join(sentence(p) for p in dict.fromkeys(parts) if p)


def describe(script: Script, shot: Shot, rng: random.Random, has: Collection[str] = MODALITIES) -> str:
    """The same, and more of how: in one of many ways."""
    parts = []
    if "frames" in has:
        parts += [_picture(shot, rng), _effect(script, shot, rng.choice, has)]
    if "words" in has:
        parts += [_signs(script, shot, rng.choice), " and ".join(_lines(script, shot, rng.choice, has))]
    if "sound" in has:
        parts.append(" and ".join(_sounds(script, shot, rng.choice, has)))
    return " ".join(sentence(p) for p in parts if p)


def _first(ways: Sequence[str]) -> str:
    return ways[0]


def _rank(group: Thing) -> tuple[int, str, str]:
    """The order in which things are told."""
    return (len(COLOURS) if group.cutout else list(COLOURS).index(group.colour), group.noun, group.way)


def _plainly(group: Thing) -> str:
    return f"something moves {group.way}" if group.cutout else moving(group)


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def thing(group: Thing) -> str:
    if group.cutout:
        return f"something {group.size}"
    number = "a" if group.number == 1 else NUMBERS[group.number]
    return f"{number} {group.size} {group.colour} {group.noun}"


def moving(group: Thing) -> str:
    plural = group.number > 1
    if group.way == "still":
        return f"{thing(group)} {'rest' if plural else 'rests'}"
    return f"{thing(group)} {'move' if plural else 'moves'} {group.way}"


def belongs(span: Span, label: str, to: Span) -> bool:
    """Whether what lasts for `span` is told of the stretch `to`: a short thing where it begins."""
    both = span.common(to)
    return span.start in to if label in BRIEF else both is not None and both.duration >= min(LEAST, span.duration)


def _picture(shot: Shot, rng: random.Random) -> str:
    opened = rng.choice(OPENED[shot.opening]) if shot.opening in OPENED else ""
    camera = rng.choice(CAMERA[shot.camera.move])
    if shot.camera.pace and shot.camera.move not in ("still", "shake"):
        camera += f" {shot.camera.pace}"
    seen = " and ".join(moving(t) for t in shot.things)
    if not seen:
        told = camera
    elif shot.camera.move == "still" and rng.random() < 0.5:
        told = seen
    else:
        told = f"{camera} while {seen}" if rng.random() < 0.6 else f"{seen} while {camera}"
    return f"{opened}{'' if opened.endswith('and') or not opened else ','} {told}".strip()


def _effect(script: Script, shot: Shot, pick: Pick, has: Collection[str]) -> str:
    effect = shot.effect
    if effect is None:
        return ""
    if _struck(script, shot, has):
        return pick(("a flash and a bang come together", "there is a flash with a bang"))
    return pick(HAPPENS[effect.kind])


def _signs(script: Script, shot: Shot, pick: Pick) -> str:
    texts = [s.text for s in script.signs if belongs(s.span, "sign", shot.span)]
    return f'{pick(("the screen reads", "on the screen stands"))} "{texts[0]}"' if texts else ""


def _struck(script: Script, shot: Shot, has: Collection[str]) -> bool:
    """Whether a flash and a bang at once are told as one."""
    return {"frames", "sound"} <= set(has) and shot.effect is not None and shot.effect.span in script.strikes()


def _lines(script: Script, shot: Shot, pick: Pick, has: Collection[str]) -> list[str]:
    """That somebody talks is said once, and not where it is said what somebody says."""
    inside = [line for line in script.lines if (line.span.start + line.span.end) / 2 in shot.span]
    telling = [line for line in inside if line.kind != "chat"] or inside[:1]
    return [TOLD[line.kind](script, line, pick, has) for line in telling]


def _introduced(script: Script, line: Line, pick: Pick, has: Collection[str]) -> str:
    return pick((f"{line.name} speaks in the {line.place}", f"in the {line.place}, {line.name} says hello"))


def _pointed(script: Script, line: Line, pick: Pick, has: Collection[str]) -> str:
    seen, meant = script.shown(line), line.thing
    assert meant is not None
    named = f"the {meant.colour} {meant.shape}"
    if "frames" not in has:
        return f"someone speaks of {named}"
    if seen is None:
        return pick((f"someone speaks of {named}, which is not there", f"someone names {named}, which is not to be seen"))
    way = "rests" if seen.way == "still" else f"moves {seen.way}"
    return pick((f"someone points out {named}, which {way}", f"someone speaks of {named}, which {way}"))


def _warned(script: Script, line: Line, pick: Pick, has: Collection[str]) -> str:
    return pick((f"someone sends people away from the {line.place}", f"someone warns of the {line.place}"))


def _read(script: Script, line: Line, pick: Pick, has: Collection[str]) -> str:
    if script.reads(line):
        return pick(("someone reads the text aloud", "the text is read aloud"))
    return pick(("someone reads another text", "someone reads a text that is not on the screen"))


def _chatted(script: Script, line: Line, pick: Pick, has: Collection[str]) -> str:
    return pick(("someone speaks", "a voice is heard"))


TOLD: dict[str, Callable[[Script, Line, Pick, Collection[str]], str]] = {
    "introduce": _introduced, "point": _pointed, "warn": _warned, "read": _read, "chat": _chatted,
}  # fmt: skip


def _sounds(script: Script, shot: Shot, pick: Pick, has: Collection[str]) -> list[str]:
    heard = [h for h in script.heard if belongs(h.span, h.label, shot.span)]
    struck = _struck(script, shot, has)
    labels = list(dict.fromkeys(h.label for h in sorted(heard, key=lambda h: h.span.start) if not (struck and h.label == "bang")))
    spoken = any(line.span.common(shot.span) for line in script.lines)
    if spoken and "words" not in has and "speech" not in labels:
        labels.append("speech")
    if labels:
        return [pick(SOUNDS[label]) for label in labels]
    return [] if spoken or struck else [pick(NOTHING)]
