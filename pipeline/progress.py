"""What people see while streams run: a line a stream on a terminal, now and then a line of text anywhere else."""

from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from operators.timeline import clock
from pipeline.plan import StreamProgress

EVERY_S = 5.0
"""Off a terminal: how often a running stream says where it stands."""
MOST_ROWS = 12
OVER = ("complete", "already", "interrupted", "failed")
COLOURS = {"running": "cyan", "restarting": "yellow", "complete": "green", "already": "green", "failed": "red"}


class ProgressView:
    """Call it with the progress of all streams, as often as there is news, from one thread. Leaving its context frees the terminal."""

    def __init__(self, console: Console, now: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._now = now
        self._begun: dict[str, tuple[float, StreamProgress]] = {}
        self._told: dict[str, tuple[float, str]] = {}
        self._live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, streams: Sequence[StreamProgress]) -> None:
        for stream in streams:
            if stream.state not in ("waiting", *OVER):
                self._begun.setdefault(stream.stream_id, (self._now(), stream))
        if self._live:
            self._live.update(self._table(streams), refresh=True)
        else:
            self._tell(streams)

    def _speed(self, stream: StreamProgress) -> float | None:
        """Times real time since the stream began, what an earlier run had done left out."""
        if stream.stream_id not in self._begun:
            return None
        at, first = self._begun[stream.stream_id]
        took, came = self._now() - at, float(stream.position - first.position)
        return came / took if took > 0 and came > 0 else None

    def _table(self, streams: Sequence[StreamProgress]) -> Table:
        table = Table.grid(padding=(0, 2))
        running = [s for s in streams if s.state not in ("waiting", *OVER)]
        shown = streams if len(streams) <= MOST_ROWS else running[:MOST_ROWS]
        for s in shown:
            bar = ProgressBar(total=float(s.duration), completed=float(s.position), width=20) if s.duration else Text("")
            latest = Text(s.latest or "", style="italic", overflow="ellipsis", no_wrap=True)
            table.add_row(
                Text(s.stream_id, style="bold"), Text(s.state, style=COLOURS.get(s.state, "dim")), bar, *_where(s, self._speed(s)), latest
            )
        if len(shown) < len(streams):
            over = sum(s.state in OVER for s in streams)
            table.add_row(f"{len(streams)} streams", f"{over} done", "", f"{len(running)} running")
        return table

    def _tell(self, streams: Sequence[StreamProgress]) -> None:
        for s in streams:
            at, state = self._told.get(s.stream_id, (float("-inf"), "waiting"))
            if s.state == state and (s.state in ("waiting", *OVER) or self._now() - at < EVERY_S):
                continue
            self._told[s.stream_id] = (self._now(), s.state)
            latest = f"  “{' '.join(s.latest.split())}”" if s.latest else ""
            line = "  ".join(filter(None, [f"{s.stream_id}: {s.state}", *_where(s, self._speed(s))]))
            self._console.print(Text(line + latest), soft_wrap=True)


def _where(stream: StreamProgress, speed: float | None) -> tuple[str, str]:
    """Position and speed in words."""
    of = f" of {clock(stream.duration)}" if stream.duration else ""
    return f"{clock(stream.position)}{of}", f"{speed:.1f}× real time" if speed else ""
