"""TTML for delivery: IMSC 1.1 text (W3C) and EBU-TT-D (EBU Tech 3380); and plain TTML in SMPTE timecode."""

from collections.abc import Callable, Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from operators.subtitles.formats.cue import Cue, by_line, clean, clock, end_of, is_rtl, shown
from operators.subtitles.formats.timecode import Timecode

NAMESPACES = (
    'xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:tts="http://www.w3.org/ns/ttml#styling" '
    'xmlns:ttm="http://www.w3.org/ns/ttml#metadata"'
)
IMSC = 'ttp:timeBase="media" ttp:contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.1/text"'
EBU = 'xmlns:ebuttm="urn:ebu:tt:metadata" xmlns:ebutts="urn:ebu:tt:style" ttp:timeBase="media" ttp:cellResolution="50 30"'
EBU_METADATA = (
    "<ebuttm:documentMetadata><ebuttm:conformsToStandard>urn:ebu:tt:distribution:2018-04</ebuttm:conformsToStandard>"
    "</ebuttm:documentMetadata>"
)
STYLES = (
    '<styling><style xml:id="text" tts:fontFamily="proportionalSansSerif" tts:fontSize="100%" tts:lineHeight="125%" '
    'tts:textAlign="center" tts:color="#FFFFFF"/>'
    '<style xml:id="box" tts:backgroundColor="#000000CC"/>'
    '<style xml:id="white" tts:color="#FFFFFF"/><style xml:id="yellow" tts:color="#FFFF00"/>'
    '<style xml:id="cyan" tts:color="#00FFFF"/><style xml:id="lime" tts:color="#00FF00"/>'
    '<style xml:id="rtl" tts:direction="rtl"/></styling>\n  '
    '<layout><region xml:id="bottom" tts:origin="10% 10%" tts:extent="80% 80%" tts:displayAlign="after"/></layout>'
)


def imsc(cues: Iterable[Cue]) -> Iterator[str]:
    """The parts of an IMSC 1.1 text document."""
    return _document(cues, IMSC, "", clock)


def ebu_tt_d(cues: Iterable[Cue]) -> Iterator[str]:
    """The parts of an EBU-TT-D document."""
    return _document(cues, EBU, EBU_METADATA, clock)


def smpte(cues: Iterable[Cue], timecode: Timecode) -> Iterator[str]:
    """The parts of a TTML document whose times are labels of frames. IMSC and EBU-TT-D allow none."""
    numerator, denominator = timecode.rate.numerator // timecode.base, timecode.rate.denominator
    multiplier = "1 1" if denominator == 1 else f"{numerator} {denominator}"
    drop = "dropNTSC" if timecode.drop else "nonDrop"
    parameters = (
        f'ttp:timeBase="smpte" ttp:frameRate="{timecode.base}" ttp:frameRateMultiplier="{multiplier}" ttp:dropMode="{drop}" '
        'ttp:markerMode="discontinuous"'
    )
    return _document(cues, parameters, "", lambda ms: timecode.label(ms).replace(";", ":"))


def _document(cues: Iterable[Cue], parameters: str, metadata: str, time: Callable[[int], str]) -> Iterator[str]:
    written = [(cue, lines, clean(cue.speaker or "")) for cue, lines in shown(cues)]
    speakers = list(dict.fromkeys(name for cue, _, name in written for name in (name, *map(clean, cue.speakers)) if name))
    language = next((cue.language for cue, *_ in written if cue.language), "")
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<tt {NAMESPACES} {parameters} xml:lang={quoteattr(language)}>\n <head>\n  '
    yield f'<metadata>{metadata}{_agents(speakers)}</metadata>\n  {STYLES}\n </head>\n <body style="text">\n  <div>\n'
    for n, (cue, lines, speaker) in enumerate(written, 1):
        own = f" xml:lang={quoteattr(cue.language)}" if cue.language and cue.language != language else ""
        own += ' style="rtl"' if is_rtl(" ".join(lines)) else ""
        own += f' ttm:agent="speaker{speakers.index(speaker) + 1}"' if speaker else ""
        times = f'begin="{time(cue.start_ms)}" end="{time(end_of(cue))}"'
        yield f'   <p xml:id="c{n}" region="bottom" {times}{own}>{_spans(cue, lines, speakers)}</p>\n'
    yield "  </div>\n </body>\n</tt>\n"


def _spans(cue: Cue, lines: list[str], speakers: list[str]) -> str:
    """The lines of a cue: in one box or, where something is told of each, in their own."""
    told = list(zip(map(escape, lines), by_line(cue.speakers, lines), by_line(cue.colours, lines), strict=True))
    if not any(name or colour for _, name, colour in told):
        return f'<span style="box">{"<br/>".join(line for line, *_ in told)}</span>'
    agents = [f' ttm:agent="speaker{speakers.index(clean(name)) + 1}"' if name else "" for _, name, _ in told]
    spans = (f'<span style="{f"box {colour}".strip()}"{agent}>{line}</span>' for (line, _, colour), agent in zip(told, agents, strict=True))
    return "<br/>".join(spans)


def _agents(speakers: list[str]) -> str:
    return "".join(
        f'<ttm:agent xml:id="speaker{n}" type="person"><ttm:name type="full">{escape(name)}</ttm:name></ttm:agent>'
        for n, name in enumerate(speakers, 1)
    )
