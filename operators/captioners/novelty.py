"""Whether a picture shows anything that another does not: by coarse colours, which noise and coding do not move."""

import cv2
import numpy as np
import numpy.typing as npt

from operators.facts import Still

CELLS = (18, 32, 3)
LITTLE = 10
"""Of 255: no cell's mean colour has changed by more. A walking person in the background of a street moves one by 15 and more."""

Look = npt.NDArray[np.uint8]
"""uint8 CELLS: the mean colour of each part of a picture."""


def look(still: Still) -> Look | None:
    """None where the still is no picture."""
    coded = np.frombuffer(still.jpeg, np.uint8)
    picture = cv2.imdecode(coded, cv2.IMREAD_REDUCED_COLOR_4) if len(coded) else None
    if picture is None:
        return None
    height, width, _ = CELLS
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def alike(a: Look | None, b: Look | None) -> bool:
    if a is None or b is None:
        return False
    return bool(np.abs(a.astype(np.int16) - b).max() <= LITTLE)


def without_repeats(stills: list[Still], last: Look | None = None) -> tuple[list[Still], Look | None]:
    """Those that show something that the one kept before them (at first `last`) does not; and what the last one of them looks like."""
    kept = []
    for still in stills:
        now = look(still)
        if not alike(now, last):
            kept.append(still)
            last = now
    return kept, last
