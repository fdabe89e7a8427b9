"""The labels that the shipped model scores along time. A model trained on other data has its own, kept in its config."""

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
SOURCES = dict.fromkeys(PICTURE, "picture") | dict.fromkeys(SOUND, "audio") | dict.fromkeys(FUSED, "fused")
"""Which modality an event of a label comes from, as its record says."""
