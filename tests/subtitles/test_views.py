import io
import json
from dataclasses import replace
from fractions import Fraction as F

import pysubs2
import pytest
import webvtt as webvtt_py

from operators.errors import ConfigError, StorageError
from operators.facts import Word
from operators.records import Caption, Event, Model, Transcript
from pipeline.log import Header, LogWriter
from pipeline.views import VIEWS, Finished, export, latest_generation, write_views


def cue(n, start, end, kind="subtitle", text=None):
    text = text or f"Cue {n}."
    return Caption(F(start), F(end), kind, text, (text,), "en", 0.9, f"narrate.subtitles-{n}")


def segment(n, start, end, text, speaker=None):
    word = Word(F(start), F(end), text, 0.9, "en", f"listen.words-{n}")
    return Transcript(F(start), F(end), f"listen.words-{n}", text, "en", (word,), speaker)


def event(start, end, lifecycle="end"):
    return Event(F(start), F(end), "look.black-0", lifecycle, "black", "picture", 0.9, 0.9)


def write_log(generation, lane, outputs, committed=True):
    """`outputs` as (origin, value)."""
    generation.mkdir(parents=True, exist_ok=True)
    models = {"listen.words": [Model("speech", "tiny", "1")]}
    log = LogWriter(generation / f"{lane}.jsonl", Header("film", int(generation.name), lane, models, "source", "settings"))
    for origin, value in outputs:
        log.append(origin, value)
    if committed:
        log.commit(F(9), None, {}, done=True)
    log.close()


@pytest.fixture
def film(tmp_path):
    """A folder of output with one finished generation of one stream, its records in other orders than by time."""
    generation = tmp_path / "film" / "0"
    write_log(generation, "look", [("look.black", event(3, 3, "start")), ("look.black", event(3, 5))])
    write_log(
        generation, "listen", [("listen.words", segment(1, 6, 7, "Hello\nthere.", "Ann")), ("listen.words", segment(0, 1, 2, "First."))]
    )
    said = [cue(0, 1, 2), cue(1, 6, F("7.0005")), cue(2, "1.5", 4, "description", "A picture.")]
    write_log(generation, "narrate", [("narrate.subtitles" if c.kind == "subtitle" else "narrate.captions", c) for c in said])
    return tmp_path


def test_all_final_records_by_start_origin_and_sequence(film):
    write_views(film / "film", film / "film" / "0")
    records = [json.loads(line) for line in (film / "film" / "film.jsonl").read_text().splitlines()]
    keys = [(r["start_ms"], r["origin"], r["sequence"]) for r in records]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == 7
    assert [r["schema"] for r in records][:2] == ["capstream.transcript.v1", "capstream.caption.v1"]
    assert records[0]["models"] == [{"role": "speech", "name": "tiny", "revision": "1"}]


def test_subtitle_files_hold_the_subtitles_alone(film):
    write_views(film / "film", film / "film" / "0")
    vtt = list(webvtt_py.read(film / "film" / "film.vtt"))
    assert [(c.start, c.end, c.text, c.identifier) for c in vtt] == [
        ("00:00:01.000", "00:00:02.000", "Cue 0.", "narrate.subtitles-0"),
        ("00:00:06.000", "00:00:07.001", "Cue 1.", "narrate.subtitles-1"),
    ]
    assert [(e.start, e.end, e.plaintext) for e in pysubs2.load(str(film / "film" / "film.srt"))] == [
        (1000, 2000, "Cue 0."),
        (6000, 7001, "Cue 1."),
    ]


def test_translations_are_files_of_their_own(film):
    into = [replace(cue(n, 1, 2, text=text), language=name) for n, (name, text) in enumerate([("de", "Eins."), ("fr", "Un.")])]
    write_log(film / "film" / "1", "narrate", [("narrate.subtitles", cue(0, 1, 2)), *(("narrate.translations", c) for c in into)])
    write_views(film / "film", film / "film" / "1")
    shown = {name: [c.text for c in webvtt_py.read(film / "film" / f"film{name}.vtt")] for name in ("", ".de", ".fr")}
    assert shown == {"": ["Cue 0."], ".de": ["Eins."], ".fr": ["Un."]}
    assert (film / "film" / "film.de.srt").exists()
    export(Finished(film, "film", "fr"), "ttml", film / "fr.ttml")
    assert "Un." in (told := (film / "fr.ttml").read_text())
    assert "Eins." not in told
    with pytest.raises(ConfigError, match="film is not translated into 'es': one of de, fr"):
        export(Finished(film, "film", "es"), "vtt", film / "es.vtt")
    with pytest.raises(ConfigError, match="txt has no language: export one of vtt, srt"):
        export(Finished(film, "film", "de"), "txt", film / "de.txt")


def test_what_is_not_committed_is_not_shown(film):
    write_log(film / "film" / "0", "narrate", [("narrate.subtitles", cue(9, 8, 9))], committed=False)
    write_views(film / "film", film / "film" / "0")
    assert "Cue 9" not in (film / "film" / "film.jsonl").read_text() + (film / "film" / "film.vtt").read_text()


def test_views_of_nothing_are_whole_files(tmp_path):
    (tmp_path / "film" / "0").mkdir(parents=True)
    write_views(tmp_path / "film", tmp_path / "film" / "0")
    assert (tmp_path / "film" / "film.jsonl").read_text() == (tmp_path / "film" / "film.srt").read_text() == ""
    assert list(webvtt_py.read(tmp_path / "film" / "film.vtt")) == []


def test_nothing_but_the_views_is_left_and_writing_again_changes_nothing(film):
    write_views(film / "film", film / "film" / "0")
    first = {f.name: f.read_bytes() for f in (film / "film").iterdir() if f.is_file()}
    write_views(film / "film", film / "film" / "0")
    assert {f.name: f.read_bytes() for f in (film / "film").iterdir() if f.is_file()} == first
    assert set(first) == {"film.jsonl", "film.vtt", "film.srt"}


def test_export_of_each_view(film):
    for view in VIEWS:
        export(Finished(film, "film"), view, film / f"out.{view}")
    write_views(film / "film", film / "film" / "0")
    for view in ("jsonl", "vtt", "srt"):
        assert (film / f"out.{view}").read_bytes() == (film / "film" / f"film.{view}").read_bytes()
    (description,) = webvtt_py.from_buffer(io.StringIO((film / "out.descriptions").read_text()))
    assert (description.start, description.text) == ("00:00:01.500", "A picture.")
    assert (film / "out.txt").read_text() == "[0:00:01.000] First.\n[0:00:06.000] Ann: Hello there.\n"


def test_a_revised_description_stands_once(film):
    first, other = cue(0, 1, 2, "description", "A street."), cue(1, 8, 9, "description", "A dog.")
    told = [first, replace(first, end=F(5), revision=1), replace(first, end=F(8), revision=2), other]
    write_log(film / "film" / "1", "narrate", [("narrate.captions", caption) for caption in told])
    export(Finished(film, "film"), "descriptions", film / "out.vtt")
    found = webvtt_py.from_buffer(io.StringIO((film / "out.vtt").read_text()))
    assert [(d.start, d.end, d.text) for d in found] == [
        ("00:00:01.000", "00:00:08.000", "A street."),
        ("00:00:08.000", "00:00:09.000", "A dog."),
    ]


def test_the_latest_generation_is_exported(film):
    write_log(film / "film" / "10", "narrate", [("narrate.subtitles", cue(0, 1, 2, text="Newest."))])
    write_log(film / "film" / "9", "narrate", [("narrate.subtitles", cue(0, 1, 2, text="Older."))])
    assert latest_generation(film, "film").name == "10"
    export(Finished(film, "film"), "srt", film / "out.srt")
    assert "Newest." in (film / "out.srt").read_text()


def test_what_can_not_be_exported_is_said(film):
    with pytest.raises(ConfigError, match=r"no stream 'flim' in .*: one of film"):
        export(Finished(film, "flim"), "vtt", film / "out")
    with pytest.raises(ConfigError, match="can not export 'docx': one of jsonl, vtt"):
        export(Finished(film, "film"), "docx", film / "out")
    with pytest.raises(StorageError, match=r"can not write .*nowhere"):
        export(Finished(film, "film"), "vtt", film / "nowhere" / "out.vtt")
