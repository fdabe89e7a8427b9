"""A recorder that nobody wants any more ends by itself."""

import os
from pathlib import Path

from pipeline.spool import LEASE_S, Lease, RecorderSettings, Recording


def test_a_recorder_is_wanted_for_as_long_as_somebody_says_so(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    assert lease.lapsed(0)
    Recording(tmp_path, RecorderSettings("udp://127.0.0.1:1", str(tmp_path))).want()
    assert not lease.lapsed(1)
    assert not lease.lapsed(LEASE_S)
    os.utime(tmp_path / ".wanted", (0, 0))  # the wall clock jumped
    assert not lease.lapsed(LEASE_S + 5)
    assert not lease.lapsed(2 * LEASE_S)
    assert lease.lapsed(2 * LEASE_S + 6)
