"""How the picture moves: the camera by the similarity between neighbouring pictures, objects by what moves against it."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from operators.facts import Motion
from operators.protocols import State
from operators.vision.changes import Change
from operators.vision.views import View

_GRID = (9, 16)
"""Rows and columns of the map of what moved."""
_STILL = 0.03
"""Speeds below this are no camera motion: share of the picture a second."""
_SPREAD = 0.35
"""A motion that less of the picture has is not the camera's."""
_DIFFERENT = 20
"""Levels of luma by which a pixel differs once the camera's motion and the change of light are undone."""
_NOTHING = 0.005
"""A picture of which less has moved is still, though nothing in it can be followed."""
_LASTING = 0.35
"""Share of its time for which a shot's camera moves in one way before that is said of it."""
_WAYS = ("still", "pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "shaky")

Velocity = tuple[float, float, float]
"""x and y in pictures a second, zoom in relative scale a second: of the camera, so the picture's content moves the other way."""


@dataclass(slots=True)
class MotionTally:
    """Adds up the motion over one part of a shot. All of it can be kept as JSON."""

    seconds: float = 0.0
    way_seconds: list[float] = field(default_factory=lambda: [0.0] * len(_WAYS))
    travel: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    moving: float = 0.0
    cells: list[float] = field(default_factory=lambda: [0.0] * (_GRID[0] * _GRID[1]))
    last: list[float] | None = None
    """Velocity of the latest interval."""

    def add(self, before: View, after: View, change: Change) -> None:
        """The interval between two views that follow each other in one shot."""
        if before.luma.shape != after.luma.shape:
            return
        seconds = float(after.at - before.at)
        warp = change.warp if change.same_place and change.spread >= _SPREAD else None
        velocity = _velocity(warp, after.luma.shape, seconds)
        moved = _moved(before, after, warp)
        self.seconds += seconds
        self.moving += float(moved.mean()) * seconds
        grid = cv2.resize(moved, _GRID[::-1], interpolation=cv2.INTER_AREA).ravel()
        self.cells = (np.array(self.cells) + grid.astype(np.float64) * seconds).round(6).tolist()
        if warp is None and moved.mean() < _NOTHING:
            self.way_seconds[0] += seconds
        elif warp is not None:
            self.travel = [total + v * seconds for total, v in zip(self.travel, velocity, strict=True)]
            self.way_seconds[_WAYS.index(_way(velocity, self.last))] += seconds
        self.last = list(velocity) if warp is not None else None

    def motion(self) -> Motion:
        if not self.seconds:
            return Motion("still", 0.0, 0.0, 0.0, 0.0, None)
        followed = sum(self.way_seconds)
        pan, tilt, zoom = (round(t / followed, 4) if followed else 0.0 for t in self.travel)
        return Motion(self._camera(), pan, tilt, zoom, round(self.moving / self.seconds, 4), self._region())

    def to_json(self) -> State:
        """Of the cells, those in which something moved: most cameras see little."""
        return {name: getattr(self, name) for name in self.__slots__} | {"cells": [[n, c] for n, c in enumerate(self.cells) if c]}

    @classmethod
    def from_json(cls, state: State) -> "MotionTally":
        cells = dict(state["cells"])
        return cls(**{**state, "cells": [cells.get(n, 0.0) for n in range(_GRID[0] * _GRID[1])]})

    def _camera(self) -> str:
        longest = max(range(1, len(_WAYS)), key=lambda i: self.way_seconds[i])
        if self.way_seconds[longest] >= _LASTING * self.seconds:
            return _WAYS[longest]
        return "still" if self.way_seconds[0] >= 0.5 * self.seconds else "unclear"

    def _region(self) -> tuple[float, float, float, float] | None:
        """Box around the one place that moves; None where nothing does, or it is all over the picture."""
        cells = np.array(self.cells).reshape(_GRID)
        if cells.max() < 0.01 * self.seconds:
            return None
        count, labels, boxes, _ = cv2.connectedComponentsWithStats((cells > cells.max() / 4).astype(np.uint8))
        heaviest = max(range(1, count), key=lambda i: float(cells[labels == i].sum()))
        x, y, w, h = (int(v) for v in boxes[heaviest][:4])
        if cells[labels == heaviest].sum() < 0.6 * cells.sum() or w * h > 0.5 * cells.size:
            return None
        rows, columns = _GRID
        return (x / columns, y / rows, w / columns, h / rows)


def _velocity(warp: npt.NDArray[np.float32] | None, shape: tuple[int, ...], seconds: float) -> Velocity:
    """Of the camera, from how the picture's middle moved."""
    if warp is None:
        return (0.0, 0.0, 0.0)
    height, width = shape
    x, y = warp @ np.array([width / 2, height / 2, 1], np.float32)
    scale = float(np.hypot(warp[0, 0], warp[1, 0]))
    return (
        -(float(x) / width - 0.5) / seconds,
        -(float(y) / height - 0.5) / seconds,
        (scale - 1) / seconds,
    )


def _way(velocity: Velocity, last: list[float] | None) -> str:
    pan, tilt, zoom = velocity
    speed = float(np.hypot(pan, tilt))
    if speed < _STILL and abs(zoom) < _STILL:
        return "still"
    if abs(zoom) > 1.5 * speed:
        return "zoom_in" if zoom > 0 else "zoom_out"
    if last is not None and float(np.hypot(pan - last[0], tilt - last[1])) > 0.8 * speed:
        return "shaky"
    if abs(pan) >= abs(tilt):
        return "pan_right" if pan > 0 else "pan_left"
    return "tilt_down" if tilt > 0 else "tilt_up"


def _moved(before: View, after: View, warp: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float32]:
    """float32 [h, w]: 1 where the picture differs from the one before, carried along by the camera's motion."""
    height, width = after.luma.shape
    carried, seen = before.luma.astype(np.float32), np.ones((height, width), np.uint8)
    if warp is not None:
        carried = cv2.warpAffine(carried, warp, (width, height))
        seen = cv2.warpAffine(seen, warp, (width, height), flags=cv2.INTER_NEAREST)
    difference = after.luma - carried
    sample = difference[::3, ::3][seen[::3, ::3] > 0]
    difference -= np.median(sample) if sample.size else 0
    moved = ((np.abs(difference) > _DIFFERENT) & (seen > 0)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(moved, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.float32)
