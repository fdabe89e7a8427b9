import io
from fractions import Fraction

from rich.console import Console

from pipeline.plan import StreamProgress
from pipeline.progress import EVERY_S, ProgressView


def progress(state: str = "running", position: int = 0, latest: str | None = None, stream_id: str = "film") -> StreamProgress:
    return StreamProgress(stream_id, state, Fraction(position), Fraction(60), latest)


class Watch:
    def __init__(self, terminal: bool = False) -> None:
        self.now = 100.0
        self.out = io.StringIO()
        self.view = ProgressView(Console(file=self.out, force_terminal=terminal, width=120, color_system=None), lambda: self.now)

    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()


def test_off_a_terminal_lines_are_few_and_plain() -> None:
    watch = Watch()
    with watch.view as view:
        view([progress("waiting")])
        assert watch.lines() == []
        for position in range(11):
            view([progress(position=position, latest="a  dark\npicture [bold]")])
            watch.now += EVERY_S / 5
        view([progress("complete", 60)])
        view([progress("complete", 60)])
    assert "\x1b" not in watch.out.getvalue()
    assert len(watch.lines()) == 4
    assert watch.lines()[0] == "film: running  0:00:00.000 of 0:01:00.000  “a dark picture [bold]”"
    assert watch.lines()[1] == "film: running  0:00:05.000 of 0:01:00.000  1.0× real time  “a dark picture [bold]”"
    assert watch.lines()[-1].startswith("film: complete  0:01:00.000")


def test_speed_leaves_out_what_an_earlier_run_had_done() -> None:
    watch = Watch()
    watch.view([progress(position=40)])
    watch.now += 10
    watch.view([progress(position=60)])
    assert "2.0× real time" in watch.lines()[-1]


def test_on_a_terminal_each_stream_has_its_row_and_many_are_counted() -> None:
    watch = Watch(terminal=True)
    with watch.view as view:
        view([progress(stream_id="door", latest="someone speaks"), progress("failed", stream_id="yard")])
        shown = watch.out.getvalue()
        assert "door" in shown
        assert "someone speaks" in shown
        assert "yard" in shown
        view([progress(stream_id=f"camera-{n}") for n in range(40)])
    assert "40 streams" in watch.out.getvalue()
