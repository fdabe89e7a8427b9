"""The demo: a clip of our own, whose content is known, and what capstream finds in it."""

from pathlib import Path

CLIP = Path(__file__).with_name("clip.mp4")
EXPECTED = Path(__file__).with_name("expected.json")
