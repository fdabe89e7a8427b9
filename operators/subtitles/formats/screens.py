"""What TTML, SCC and EBU STL show, by ttconv: paragraphs with their times or, where parts of these come and go by themselves, states
of the screen, each until the next: that takes 7 ms a cue."""

import logging
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from operators.errors import ConfigError
from operators.subtitles.formats.cue import Cue, Subtitles, text_of
from operators.timeline import to_ms

LAST = Fraction(10)
"""How long text that no time ends is shown."""


def read_ttml(path: Path) -> Subtitles:
    """IMSC, EBU-TT-D and other TTML in media time. Raises ConfigError where it is none."""

    def model() -> Any:
        from ttconv.imsc.reader import to_model

        text = text_of(path)
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ConfigError(f"{path} declares a document type, as no TTML does: it is not read")
        return to_model(ElementTree.ElementTree(ElementTree.fromstring(text)))

    return _read(path, "TTML", model)


def read_scc(path: Path) -> Subtitles:
    """CEA-608 in Scenarist form. Raises ConfigError where it is none."""

    def model() -> Any:
        from ttconv.scc.reader import to_model

        text = text_of(path)
        if not text.startswith("Scenarist_SCC"):
            raise ConfigError(f"{path} is no SCC: it does not begin with Scenarist_SCC")
        return to_model(text)

    return _read(path, "SCC", model)


def read_stl(path: Path) -> Subtitles:
    """EBU STL (Tech 3264). Raises ConfigError where it is none."""

    def model() -> Any:
        from ttconv.stl.reader import to_model

        with path.open("rb") as file:
            if file.read(11)[3:6] != b"STL":
                raise ConfigError(f"{path} is no EBU STL: its first block does not name a disk format such as STL25.01")
            file.seek(0)
            return to_model(file)

    return _read(path, "EBU STL", model)


def _read(path: Path, kind: str, model: Callable[[], Any]) -> Subtitles:
    faults = _Faults()
    logger = logging.getLogger("ttconv")
    handlers, propagate = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [faults], False
    try:
        document = model()
        paragraphs = [] if document.get_body() is None else list(_paragraphs(document.get_body(), Fraction(0), None))
        cues = tuple(_states(document) if _moves(document) else sorted(paragraphs, key=lambda c: (c.start_ms, c.end_ms)))
        return Subtitles(cues, tuple(dict.fromkeys(faults.lines)), document.get_lang() or None)
    except ConfigError:
        raise
    except Exception as e:
        raise ConfigError(f"{path} can not be read as {kind}: {' '.join(str(e).split()) or type(e).__name__}") from e
    finally:
        logger.handlers, logger.propagate = handlers, propagate


def _paragraphs(element: Any, since: Fraction, until: Fraction | None) -> Iterator[Cue]:
    """The paragraphs of an element that is shown from, until; the times of each are those of its parent's clock."""
    from ttconv import model

    begin, end = since + (element.get_begin() or 0), element.get_end()
    ends = [*([] if end is None else [since + end]), *([] if until is None else [until])]
    until = min(ends, default=None)
    if not isinstance(element, model.P):
        for child in element:
            yield from _paragraphs(child, begin, until)
        return
    kept = element.get_space() is model.WhiteSpaceHandling.PRESERVE
    text = "".join(t if kept or t == "\n" else re.sub(r"\s+", " ", t) for t in _text(element))
    lines = tuple(line.strip() for line in text.split("\n") if line.strip())
    if lines and (until is None or until > begin):
        yield Cue(to_ms(begin), to_ms(begin + LAST if until is None else until), lines)


def _moves(document: Any) -> bool:
    """Whether anything but whole paragraphs has times or is hidden."""
    from ttconv import model
    from ttconv.style_properties import StyleProperties

    def timed(element: Any, inside: bool) -> bool:
        own = inside and (element.get_begin() is not None or element.get_end() is not None)
        hidden = any(element.get_style(p) is not None for p in (StyleProperties.Display, StyleProperties.Visibility))
        animated = next(element.iter_animation_steps(), None) is not None
        return own or hidden or animated or any(timed(c, inside or isinstance(element, model.P)) for c in element)

    body = document.get_body()
    return any(timed(region, True) for region in document.iter_regions()) or (body is not None and timed(body, False))


def _states(document: Any) -> Iterator[Cue]:
    """Stretches over which the screen shows the same text."""
    from ttconv.isd import ISD

    since = Fraction(0)
    before: tuple[str, ...] = ()
    for instant, screen in ISD.generate_isd_sequence(document):
        lines = tuple(_lines(screen)) if screen is not None else ()
        if lines != before:
            if before:
                yield Cue(to_ms(since), to_ms(instant), before)
            since, before = instant, lines
    if before:
        yield Cue(to_ms(since), to_ms(since + LAST), before)


def _lines(element: Any) -> Iterator[str]:
    for text in "".join(_text(element)).split("\n"):
        if text.strip():
            yield text.strip()


def _text(element: Any) -> Iterator[str]:
    from ttconv import model

    if isinstance(element, model.Text):
        yield element.get_text()
    elif isinstance(element, model.Br):
        yield "\n"
    for child in element.iter_regions() if hasattr(element, "iter_regions") else element:
        yield from _text(child)
    if isinstance(element, model.P):
        yield "\n"


class _Faults(logging.Handler):
    """What the library has to say about a file, as lines."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(" ".join(record.getMessage().split()))
