"""What narrators of facts share: facts that last come in parts, and break off where their lane does."""

from fractions import Fraction

from operators.events.lifecycle import BRIDGE
from operators.protocols import Entry, Item
from operators.records import End, Gap

PACE = frozenset({"look.shots", "listen.sound"})
"""Origins whose facts tile the stream: by them a narrator of rarer facts sees how far it has come."""
LONGEST_PART = Fraction(30)
"""Facts of what lasts are said in parts up to this long: a part that goes on where another ended may end this much later."""


def breaks_off(item: Item, lane: str) -> bool:
    """Whether nothing that was seen or heard in `lane` can be said to go on after this item: the lane's End, or a Gap too long to
    bridge, of it or of the narrator's own lane."""
    value = item.value if isinstance(item, Entry) else item
    if isinstance(value, End):
        return value.lane == lane
    return isinstance(value, Gap) and value.lane in (lane, "narrate") and value.end - value.start > BRIDGE
