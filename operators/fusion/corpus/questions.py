"""Questions about a made clip, their answers, and the modalities without which they can not be answered."""

import random
from collections.abc import Callable, Iterator
from itertools import combinations

from operators.fusion.clip import Question
from operators.fusion.corpus.grammar import NUMBERS, belongs
from operators.fusion.corpus.script import Script, Shot, Thing

MOST = 6
ORDINALS = ("first", "second", "third")
HIDING = {"black": "is black", "cover": "is covered", "freeze": "is frozen", "blur": "is blurred"}
ACTS = {
    "pan_left": "pans left", "pan_right": "pans right", "tilt_up": "tilts up", "tilt_down": "tilts down",
    "zoom_in": "zooms in", "zoom_out": "zooms out", "shake": "shakes", "still": "stands still",
}  # fmt: skip
SEEN, HEARD, READ = frozenset({"frames"}), frozenset({"sound"}), frozenset({"words"})
Asked = Iterator[Question]


def ask(script: Script, rng: random.Random) -> list[Question]:
    """At most MOST, those that need two modalities first."""
    found = [q for kind in KINDS for q in _some(list(kind(script)), rng)]
    rng.shuffle(found)
    return sorted(found, key=lambda q: -len(q.needs))[:MOST]


def _some(questions: list[Question], rng: random.Random) -> list[Question]:
    return [rng.choice(questions)] if questions else []


def _where(script: Script, shot: Shot) -> str:
    if len(script.shots) == 1:
        return ""
    return f" in the {ORDINALS[script.shots.index(shot)]} shot"


def _camera(script: Script) -> Asked:
    for shot in script.shots:
        yield Question(f"What does the camera do{_where(script, shot)}?", f"it {ACTS[shot.camera.move]}", SEEN)


def _count(script: Script) -> Asked:
    for shot in script.shots:
        for group in _named(shot):
            yield Question(f"How many {group.colour} {group.shape}s are there{_where(script, shot)}?", NUMBERS[group.number], SEEN)


def _direction(script: Script) -> Asked:
    for shot in script.shots:
        for group in _named(shot):
            question = f"Which way goes what is {group.colour}{_where(script, shot)}?"
            yield Question(question, _way(group), SEEN)


def _opening(script: Script) -> Asked:
    for n, shot in enumerate(script.shots[1:]):
        yield Question(f"How does the {ORDINALS[n + 1]} shot begin?", f"with a {shot.opening}", SEEN)


def _loudest(script: Script) -> Asked:
    labels = {h.label for h in script.sounds}
    if len(labels) == 1:
        yield Question("What is heard, voices aside?", labels.pop(), HEARD)


def _order(script: Script) -> Asked:
    for a, b in combinations(script.sounds, 2):
        if a.label != b.label and abs(a.span.start - b.span.start) >= 1:
            first = min(a, b, key=lambda h: h.span.start)
            pair = " or the ".join(sorted((a.label, b.label)))
            yield Question(f"What is heard first, the {pair}?", first.label, HEARD)


def _speaker(script: Script) -> Asked:
    named = [line for line in script.lines if line.name]
    if len(named) == 1:
        yield Question("Who is speaking?", named[0].name, READ)


def _place(script: Script) -> Asked:
    placed = [line for line in script.lines if line.place and line.kind == "introduce"]
    if len(placed) == 1:
        yield Question(f"Where is {placed[0].name}?" if placed[0].name else "Where are they?", f"in the {placed[0].place}", READ)


def _sign(script: Script) -> Asked:
    if len(script.signs) == 1:
        yield Question("What does the screen read?", script.signs[0].text, READ)


def _aloud(script: Script) -> Asked:
    for line in script.lines:
        if line.kind == "read":
            yield Question("Is the text on the screen read aloud?", "yes" if script.reads(line) else "no", READ)


def _named_way(script: Script) -> Asked:
    for line in script.lines:
        if line.kind == "point" and (seen := script.shown(line)):
            yield Question("Which way goes what they speak of?", _way(seen), SEEN | READ)


def _named_there(script: Script) -> Asked:
    for line in script.lines:
        if line.kind == "point":
            yield Question("Is what they speak of in the picture?", "yes" if script.shown(line) else "no", SEEN | READ)


def _while_hidden(script: Script) -> Asked:
    for shot in script.shots:
        if shot.effect and shot.effect.kind in HIDING:
            labels = {h.label for h in script.sounds if belongs(h.span, h.label, shot.effect.span)}
            if len(labels) <= 1 and len({h.label for h in script.sounds}) > len(labels):
                answer = labels.pop() if labels else "nothing"
                yield Question(f"What is heard while the picture {HIDING[shot.effect.kind]}?", answer, SEEN | HEARD)


def _together(script: Script) -> Asked:
    if script.flashes() and script.bangs():
        yield Question("Do the flash and the bang come together?", "yes" if script.strikes() else "no", SEEN | HEARD)


def _alone(script: Script) -> Iterator[tuple[Shot, str]]:
    """A sound that is heard in one shot alone, and that shot."""
    for heard in script.sounds:
        inside = [s for s in script.shots if s.span.common(heard.span)]
        if len(inside) == 1 and len(script.shots) > 1 and [h.label for h in script.sounds].count(heard.label) == 1:
            yield inside[0], heard.label


def _camera_while(script: Script) -> Asked:
    if len({s.camera.move for s in script.shots}) > 1:
        for shot, label in _alone(script):
            yield Question(f"What does the camera do in the shot with the {label}?", f"it {ACTS[shot.camera.move]}", SEEN | HEARD)


def _colour_while(script: Script) -> Asked:
    colours = {t.colour for s in script.shots for t in _named(s)}
    for shot, label in _alone(script):
        if len(shot.things) == len(_named(shot)) == 1 and len(colours) > 1:
            yield Question(f"What colour is the thing in the shot with the {label}?", shot.things[0].colour, SEEN | HEARD)


def _two_speakers(script: Script) -> list[tuple[Shot, str]]:
    """The shot of each of at least two people who say their name."""
    named = [(script.shot_at(line.span.start), line.name) for line in script.lines if line.name]
    return named if len({id(shot) for shot, _ in named}) == len(named) > 1 else []


def _speaker_by_camera(script: Script) -> Asked:
    moves = [s.camera.move for s in script.shots]
    for shot, name in _two_speakers(script):
        if moves.count(shot.camera.move) == 1:
            yield Question(f"Who speaks while the camera {ACTS[shot.camera.move]}?", name, SEEN | READ)


def _speaker_by_sound(script: Script) -> Asked:
    speakers = _two_speakers(script)
    for shot, label in _alone(script):
        for at, name in speakers:
            if at is shot:
                yield Question(f"Who speaks in the shot with the {label}?", name, HEARD | READ)


def _named(shot: Shot) -> list[Thing]:
    return [t for t in shot.things if not t.cutout]


def _way(group: Thing) -> str:
    return group.way if group.way != "still" else "nowhere"


KINDS: tuple[Callable[[Script], Asked], ...] = (
    _camera, _count, _direction, _opening, _loudest, _order, _speaker, _place, _sign, _aloud,
    _named_way, _named_there, _while_hidden, _together, _camera_while, _colour_while, _speaker_by_camera, _speaker_by_sound,
)  # fmt: skip
