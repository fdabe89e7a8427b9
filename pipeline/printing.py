"""Text of others on a terminal."""


def plain(text: str) -> str:
    """What a file says must not command a terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)
