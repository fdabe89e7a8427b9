"""Whom and what voices and signs of made clips speak of; each split has people and places of its own."""

NAMES = {
    "train": (
        "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Ida", "Jack", "Karin", "Leo", "Maria", "Noah", "Olga", "Peter",
        "Rosa", "Sam", "Tina", "Victor", "Wanda", "Yusuf", "Zoe", "Amir", "Bianca", "Carlos", "Dina", "Erik", "Fatima", "Gustav", "Hanna",
        "Ivan", "Julia", "Kofi", "Lena", "Marco", "Nina", "Oscar", "Paula", "Rafael", "Sofia", "Tom", "Ulla", "Wei", "Yara", "Boris",
    ),
    "validation": ("Alice", "Bruno", "Daria", "Frank", "Helga", "Jonas"),
    "test": ("Astrid", "Hugo", "Irene", "Kamal", "Lucia", "Milan", "Petra", "Simon", "Vera", "Walter"),
}  # fmt: skip
PLACES = {
    "train": (
        "kitchen", "garden", "station", "market", "library", "museum", "school", "park", "office", "hotel", "castle", "beach", "bridge",
        "theatre", "factory", "forest", "church", "stadium", "cellar", "tower", "village", "workshop", "hall", "studio",
    ),
    "validation": ("hospital", "bakery", "valley", "gallery"),
    "test": ("harbour", "airport", "tunnel", "square", "cinema", "stable"),
}  # fmt: skip
SIGNS = {
    "train": (
        "EXIT", "LIVE", "CLOSED", "OPEN", "WARNING", "GOOD MORNING", "PLATFORM {n}", "GATE {n}", "CHANNEL {n}", "THE END", "PART {n}",
        "WELCOME", "NO ENTRY", "{place}", "{name}", "MIND THE STEP", "ROOM {n}", "FOR SALE", "STOP",
    ),
    "validation": ("DANGER", "LEVEL {n}", "{place}", "{name}"),
    "test": ("QUIET PLEASE", "TRACK {n}", "{place}", "{name}", "ON AIR"),
}  # fmt: skip
LINES = {
    "introduce": (
        "hello this is {name} in the {place}", "my name is {name} and we are in the {place}", "i am {name} speaking from the {place}",
        "{name} here at the {place}", "good evening i am {name} and this is the {place}",
    ),
    "point": (
        "look at the {colour} {shape}",
        "do you see the {colour} {shape}", "now watch the {colour} {shape}", "there is the {colour} {shape}",
        "i can see a {colour} {shape}",
    ),
    "warn": (
        "please leave the {place} now", "everybody out of the {place}", "you must not enter the {place}", "stay away from the {place}",
    ),
    "read": ("the screen says {text}", "it reads {text}", "here we read {text}"),
    "chat": ("{talk}",),
}  # fmt: skip
