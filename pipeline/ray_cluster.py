"""The Ray cluster that is worked on: that of `RAY_ADDRESS`, or one of our own on this machine."""

import logging
import os

import ray

OBJECT_STORE_BYTES = 256 << 20
"""Only packs of sound and a few stills cross processes."""


def connect() -> bool:
    """Whether it is one of our own, which `ray.shutdown` ends and which does not grow."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray gives its workers a niceness of 15: whatever else runs on the machine would come before the streams.
    os.environ.setdefault("RAY_worker_niceness", "0")
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
        return False
    # Not any cluster that happens to run on this machine.
    ray.init("local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, object_store_memory=OBJECT_STORE_BYTES)
    return True
