"""The labels that the shipped model scores along time. A model trained on other data has its own, kept in its config."""

from typing import Literal

PICTURE = (
    "cut", "fade", "dissolve", "black", "freeze", "flash", "blur", "cover", "noise", "pan_left", "pan_right", "tilt_up", "tilt_down",
    "zoom_in", "zoom_out", "shake", "moving_object", "text_on_screen",
)  # fmt: skip
SOUND = ("speech", "music", "siren", "alarm", "beep", "bang", "glass", "applause", "rain", "hum", "silence")
FUSED = ("strike", "alarm_unseen", "pointed_out", "read_aloud")
"""What no single modality shows.

strike          a flash and a bang at once
alarm_unseen    a siren or an alarm while the picture is black or covered
pointed_out     somebody speaks of an object that is in the picture
read_aloud      somebody reads what stands on the screen
"""
LABELS = (*PICTURE, *SOUND, *FUSED)
SOURCES: dict[str, Literal["picture", "audio", "fused"]] = {
    **dict.fromkeys(PICTURE, "picture"),
    **dict.fromkeys(SOUND, "audio"),
    **dict.fromkeys(FUSED, "fused"),
}
"""Which modality an event of a label comes from, as its record says."""
NEEDS = {
    **dict.fromkeys(PICTURE, frozenset({"frames"})),
    **dict.fromkeys(SOUND, frozenset({"sound"})),
    **dict.fromkeys(("strike", "alarm_unseen"), frozenset({"frames", "sound"})),
    "pointed_out": frozenset({"frames", "words"}),
    "read_aloud": frozenset({"words"}),
}
"""The modalities without which nobody can tell an event of a label."""
