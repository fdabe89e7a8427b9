"""What Prometheus reads of running streams."""

import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from prometheus_client.parser import text_string_to_metric_families

from operators.errors import ConfigError
from operators.facts import Word
from operators.records import Clock, Gap, Partial, Transcript
from pipeline.stream_status import StreamStatus
from pipeline.telemetry import DeliveryStats, Histogram, ModelStats, StreamStats, serve_metrics


def test_one_endpoint_shows_streams_and_models() -> None:
    status = StreamStatus("cam-1")
    status.clock = Clock("arrival", (datetime.now(UTC) - timedelta(seconds=12)).isoformat())
    status.note("look", [Gap(Fraction(1), Fraction(3), "look", "source_down"), Gap(Fraction(4), Fraction(5), "look", "source_down")])
    status.stats.clock_moved_s = -0.7
    progress = replace(status.progress(), state="running", lag_s=1.5, stats=status.stats)
    close, address = serve_metrics(
        "127.0.0.1:0", lambda: [progress], lambda: {"speech/0": ModelStats(2.5, 7, 9, 1)}, lambda: {"cam-1": DeliveryStats(4096, 0.006)}
    )
    try:
        page = urllib.request.urlopen(f"http://{address}/metrics", timeout=10).read().decode()
    finally:
        close()
    found = {(s.name, *sorted(s.labels.values())): s.value for f in text_string_to_metric_families(page) for s in f.samples}
    assert found["capstream_streams", "running"] == 1
    assert found["capstream_streams", "failed"] == 0
    assert found["capstream_lag_seconds", "cam-1"] == 1.5
    assert found["capstream_clock_moved_seconds", "cam-1"] == -0.7
    assert found["capstream_gap_seconds_total", "cam-1", "look", "source_down"] == 3
    assert found["capstream_records_total", "cam-1", "gap", "look"] == 2
    assert found["capstream_model_busy_seconds_total", "speech/0"] == 2.5
    assert found["capstream_model_queue", "speech/0"] == 1
    assert found["capstream_kafka_behind_bytes", "cam-1"] == 4096
    assert found["capstream_kafka_transaction_seconds", "cam-1"] == 0.006
    assert found["capstream_latency_seconds_bucket", "8.0", "cam-1", "gap"] == 1
    assert found["capstream_latency_seconds_bucket", "13.0", "cam-1", "gap"] == 2


def test_partials_tell_how_early_words_are_shown_how_early_they_are_certain_and_how_many_are_taken_back() -> None:
    status = StreamStatus("cam-1")
    status.clock = Clock("arrival", (datetime.now(UTC) - timedelta(seconds=10)).isoformat())
    words = tuple(Word(Fraction(n), Fraction(n + 1), f"w{n}", 0.9, "en", "s-0") for n in (5, 6, 7))

    def partial(count: int, stable: int, erased: int) -> Partial:
        return Partial(Fraction(5), words[count - 1].end, "s-0", count, "…", "en", words[:count], stable, erased)

    for told in (partial(2, 0, 0), partial(3, 2, 1), partial(3, 2, 0)):
        status.show(told)
    status.note("listen", [Transcript(Fraction(5), Fraction(8), "s-0", "w5 w6 w7", "en", words)])
    assert status.stats.latency["partial"].counts[4:7] == [1, 1, 0]  # 2 s after the third word, 3 s and a little after the second
    assert sum(status.stats.latency["partial"].counts) == 2
    assert sum(status.stats.latency["stable"].counts) == 1
    assert (status.stats.words, status.stats.erased) == (3, 1)


def test_latency_is_only_known_of_streams_with_a_clock() -> None:
    status = StreamStatus("film")
    status.note("look", [Gap(Fraction(1), Fraction(3), "look", "discontinuity")])
    assert status.stats.latency == {}
    assert status.stats.records == {"look.gap": 1}


def test_buckets_take_what_is_at_most_their_bound() -> None:
    histogram = Histogram()
    for seconds in (0.25, 0.26, 60.0, 61.0):
        histogram.observe(seconds)
    assert (histogram.counts[0], histogram.counts[1], histogram.counts[-2], histogram.counts[-1]) == (1, 1, 1, 1)
    assert StreamStats().latency == {}


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:99999", "127.0.0.1:x"])
def test_an_address_that_is_none_is_said(address: str) -> None:
    with pytest.raises(ConfigError, match="write HOST:PORT"):
        serve_metrics(address, list, dict)
