"""What captioners are asked, and what they answer."""

from dataclasses import dataclass, field

from operators.facts import Moment, Still


@dataclass(frozen=True, slots=True)
class Scene:
    """A moment to be described, with the pictures of it that are kept."""

    moment: Moment
    stills: tuple[Still, ...] = field(default=(), repr=False)
    before: str = ""
    """What was told of the moment that adjoins this one, if any."""


@dataclass(frozen=True, slots=True)
class Description:
    text: str
    """One line; empty where there is nothing to tell."""
    confidence: float
    """0-1: of the least certain finding that is told, or of the model in its words."""
    language: str = "en"
    """BCP 47."""
