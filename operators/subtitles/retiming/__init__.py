"""Existing subtitles and the words of a recogniser: the text of the one gets the times of the other, and is cut anew to a style."""

from operators.subtitles.retiming.clock import ClockFit, Stretch
from operators.subtitles.retiming.recutting import recut
from operators.subtitles.retiming.retimer import Retimed, as_written, retime, shown_again

__all__ = ["ClockFit", "Retimed", "Stretch", "as_written", "recut", "retime", "shown_again"]
