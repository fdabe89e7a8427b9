import errno
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest

from operators.errors import CapstreamError, ModelUnavailable, StorageError
from pipeline import cli, run_command
from pipeline.plan import Outcome

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def capstream(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> SimpleNamespace:
        code = cli.execute(arguments)
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return run


def one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.startswith("capstream: ") and "Traceback" not in text


def test_help_loads_nothing_heavy_and_comes_at_once() -> None:
    code = "import sys; from pipeline.cli import execute; execute(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stderr.replace("'", '"')))
    assert not loaded & {"numpy", "torch", "ray", "cv2", "pydantic", "av", "asyncio", "rich.markdown"}
    assert "run" in done.stdout
    assert "doctor" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing command"),
        (["rn"], "No such command 'rn'"),
        (["run"], "Missing argument"),
        (["run", "x.mp4", "--profil", "cpu"], "--profile"),
        (["run", "x.mp4", "--runtime", "k8s"], "ray"),
        (["run", ""], "a source is empty"),
        (["run", "x.mp4", "--from", "soon"], "'soon' is no instant"),
        (["run", "x.mp4", "--from", "5", "--to", "0:05"], "--to 0:05 is not after --from 5"),
        (["run", "x.mp4", "--profile", "cp"], "did you mean cpu?"),
        (["run", "x.mp4", "--set", "look.shot=3"], "did you mean look.shots?"),
        (["run", "x.mp4", "--set", "look.shots"], "key=value"),
        (["run", "Bad Id=x.mp4"], "'Bad Id' can not be the id of a stream"),
        (["run", "x.mp4", "--language", "tlh"], "does not know the language 'tlh'"),
        (["schema", "nothing"], "no schema 'nothing': one of caption, "),
        (["models", "fetch", "no-such-model"], "no model 'no-such-model'"),
        (["export", "out", "film", "vtt", "film.vtt"], "no stream 'film'"),
        (["export", "out", "film", "docx", "film.docx"], "can not export 'docx'"),
    ],
)
def test_usage_is_wrong_in_one_line_with_2(capstream: Run, arguments: Sequence[str], said: str) -> None:
    done = capstream(*arguments)
    assert done.code == 2
    assert one_line(done.err), done.err
    assert said in done.err
    assert done.out == ""


def test_a_file_that_is_not_there_is_said_before_anything_starts(capstream: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_command, "supervise", pytest.fail)
    done = capstream("run", "nowhere.mp4")
    assert done.code == 1
    assert one_line(done.err)
    assert "nowhere.mp4" in done.err


def test_a_folder_that_can_not_be_written(capstream: Run) -> None:
    done = capstream("run", "x.mp4", "--out", "/proc/capstream/out")
    assert done.code == 1
    assert one_line(done.err)
    assert "choose another folder with --out" in done.err


def test_an_output_folder_that_is_a_file(capstream: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = capstream("run", "x.mp4", "--out", "taken/out")
    assert done.code == 1
    assert one_line(done.err)
    assert "taken/out" in done.err
    assert "--out" in done.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ModelUnavailable("no weights: use --profile offline"), 1, "capstream: no weights: use --profile offline\n"),
        (StorageError("can not write\nout", "door"), 1, "capstream: door: can not write out\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "out/x"),
            1,
            "capstream: out/x can not be written: No space left on device; make room",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_goes_wrong_below_is_one_line(
    capstream: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def fail(request: object) -> int:
        raise error

    monkeypatch.setattr(run_command, "execute", fail)
    done = capstream("run", "x.mp4")
    assert done.code == code
    assert done.err.startswith(said)
    assert "Traceback" not in done.err


def test_a_bug_says_that_it_is_one(capstream: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_command, "execute", lambda request: 1 / 0)
    done = capstream("run", "x.mp4")
    assert done.code == 1
    assert "ZeroDivisionError" in done.err
    assert done.err.rstrip().endswith("capstream: this is a bug in capstream: please report it with the lines above")


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["complete"], 0),
        (["already", "complete"], 0),
        (["failed"], 1),
        (["failed", "failed"], 1),
        (["failed", "complete"], 3),
        (["already", "failed"], 3),
        (["interrupted", "failed", "complete"], 130),
    ],
)
def test_the_exit_code_says_how_the_streams_ended(
    capstream: Run, monkeypatch: pytest.MonkeyPatch, states: list[str], code: int, tmp_path: Path
) -> None:
    def supervise(plans: Sequence[object], models: object, settings: object, view: object) -> list[Outcome]:
        return [outcome(state, n) for n, state in enumerate(states)]

    def outcome(state: str, n: int) -> Outcome:
        error = "the disk is full; make room" if state == "failed" else None
        return Outcome(f"film-{n}", state, error, Fraction(90), {"narrate.subtitles": 3, "look.black": 0}, ("look: damaged at 3 s",))  # type: ignore[arg-type]

    monkeypatch.setattr(run_command, "plan_streams", lambda *arguments: ([SimpleNamespace(notes=())], []))
    monkeypatch.setattr(run_command, "plan_models", lambda *arguments: [])
    monkeypatch.setattr(run_command, "supervise", supervise)
    (tmp_path / "out/film-0").mkdir(parents=True)
    (tmp_path / "out/film-0/film-0.jsonl").write_text('{"type": "end"}\n')
    done = capstream("run", "x.mp4")
    assert done.code == code
    assert done.out.count("0:01:30.000: 0 transcripts, 3 subtitles, ") == len(states) - states.count("failed")
    assert done.err.count("capstream: film-0: look: damaged at 3 s\n") == 1
    assert done.err.count("the disk is full; make room") == states.count("failed")
    done = capstream("run", "x.mp4", "--json")
    assert done.code == code
    assert done.out == '{"type": "end"}\n'


def test_schemas_are_printed(capstream: Run) -> None:
    names = capstream("schema").out.split()
    assert {"transcript", "caption", "event", "gap", "end"} <= set(names)
    for name in names:
        assert json.loads(capstream("schema", name).out)["$schema"]


def test_models_are_listed_and_verified_without_any(capstream: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAPSTREAM_CACHE", str(tmp_path / "cache"))
    listed = capstream("models", "list")
    assert listed.code == 0
    assert "whisper-base" in listed.out
    assert "fetched" not in listed.out
    assert capstream("models", "verify").code == 0
    absent = capstream("models", "verify", "whisper-base")
    assert absent.code == 1
    assert "capstream models fetch whisper-base" in absent.err


def test_a_model_that_changed_on_disk_is_found(capstream: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline import models

    monkeypatch.setattr(models, "cached", lambda: {"good": Path(), "bad": Path()})
    monkeypatch.setattr(models, "verify", lambda name: ["model.bin is missing"] if name == "bad" else [])
    done = capstream("models", "verify")
    assert done.code == 1
    assert done.out == "good: as it was fetched\nbad: model.bin is missing\n"
    assert one_line(done.err)


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m pipeline.cli schema event | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


def test_a_stream_named_in_an_error_is_named_once() -> None:
    assert str(CapstreamError("gone", "door")) == "door: gone"
