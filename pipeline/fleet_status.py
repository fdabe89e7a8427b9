"""`capstream status`: how the streams of a resident capstream stand, as a table."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from operators.errors import ConfigError
from operators.timeline import clock, from_ms

STATUS = "fleet.json"
"""In the --out of serve, written again and again."""
STALE_S = 15.0
COLOURS = {"running": "green", "restarting": "yellow", "waiting": "dim", "failed": "red"}


def show(out: Path, records: bool) -> int:
    """Print it; exit code 1 where serve no longer says anything, or a stream failed. Raises ConfigError where serve never did."""
    try:
        status = msgspec.json.decode((out / STATUS).read_bytes())
    except FileNotFoundError as e:
        raise ConfigError(f"nothing serves into {out}: start capstream serve, or name its --out") from e
    if records:
        print(msgspec.json.encode(status).decode())
    else:
        Console(highlight=False).print(_table(status["streams"]))
    age = (datetime.now(UTC) - datetime.fromisoformat(status["at"])).total_seconds()
    if age > STALE_S:
        print(f"capstream: said {age:.0f} s ago: process {status['process']} that serves into {out} has ended or hangs", file=sys.stderr)
        return 1
    return int(any(s["state"] == "failed" for s in status["streams"]))


def _table(streams: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("stream", "state", "position", "behind", "gaps", "dropped", "restarts", "latest"):
        table.add_column(name, no_wrap=name != "latest", justify="right" if name in ("behind", "gaps", "dropped", "restarts") else "left")
    for s in streams:
        behind = "" if s["lag_ms"] is None else f"{s['lag_ms'] / 1000:.1f} s"
        lost = [f"{s[name] / 1000:.1f} s" if s[name] else "" for name in ("gaps_ms", "dropped_ms")]
        latest = Text(s["error"], style="red") if s["error"] else Text(s["latest"] or "", style="italic", overflow="ellipsis")
        state = Text(s["state"], style=COLOURS.get(s["state"], ""))
        table.add_row(s["stream_id"], state, clock(from_ms(s["position_ms"])), behind, *lost, str(s["restarts"] or ""), latest)
    return table
