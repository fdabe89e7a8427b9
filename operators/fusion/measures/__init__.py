"""How good what a model says is: measures of captions, dense captions, events, retrieval and answers. Plain Python and numpy."""

from operators.fusion.measures.captions import cider, meteor
from operators.fusion.measures.dense import Dense, soda
from operators.fusion.measures.events import EventScores, Onsets, onset_scores, segment_scores, segments
from operators.fusion.measures.matches import recalls
from operators.fusion.measures.spread import Interval, interval

__all__ = [
    "Dense", "EventScores", "Interval", "Onsets", "cider", "interval", "meteor", "onset_scores", "recalls", "segment_scores", "segments",
    "soda",
]  # fmt: skip
