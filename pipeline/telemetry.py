"""What is measured of running streams and models, and how Prometheus reads it.

Streams and models count for themselves, wherever they run; the supervisor gathers what they counted; one endpoint shows it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias

from operators.errors import ConfigError

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from pipeline.plan import StreamProgress

BUCKETS_S = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0)
OPEN_STATES = ("waiting", "running", "restarting", "complete", "already", "interrupted", "failed")


@dataclass(slots=True)
class Histogram:
    """Counts of seconds by bucket, the last one without a bound."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    total_s: float = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.total_s += seconds


@dataclass(slots=True)
class StreamStats:
    """Of one stream, since its process started. Picklable."""

    records: Counter[str] = field(default_factory=Counter)
    """Committed, by lane and type."""
    gap_s: dict[tuple[str, str], float] = field(default_factory=dict)
    """Seconds of media not analysed, by lane and reason."""
    latency: dict[str, Histogram] = field(default_factory=dict)
    """Live: from the end of what a record tells of to its commit, by type of record; of a word to the partial that shows it first
    ("partial"), and to the one that calls it stable ("stable")."""
    words: int = 0
    """In transcripts."""
    erased: int = 0
    """Words that partials showed and took back."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Items that wait for answers of models, by lane."""
    clock_moved_s: float = 0.0
    """Live: by how much the clock that dates the stream has moved against what its records say."""


@dataclass(frozen=True, slots=True)
class ModelStats:
    """Of one replica of a model. Picklable."""

    busy_s: float
    calls: int
    items: int
    queued: int


@dataclass(frozen=True, slots=True)
class DeliveryStats:
    """Of one stream on its way to Kafka."""

    behind_bytes: int
    """Of the logs of its newest generation that are not shipped; what is not committed counts."""
    transaction_s: float
    """The last one."""


Streams: TypeAlias = Callable[[], "Iterable[StreamProgress]"]
Models: TypeAlias = Callable[[], Mapping[str, ModelStats]]
Deliveries: TypeAlias = Callable[[], Mapping[str, DeliveryStats]]


def serve_metrics(address: str, streams: Streams, models: Models, deliveries: Deliveries = dict) -> tuple[Callable[[], None], str]:
    """Answer Prometheus at HOST:PORT (port 0: any free one) from a thread of its own; returns what ends it, and the address.

    Raises ConfigError where the address can not be had.
    """
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry()
    registry.register(_Collector(streams, models, deliveries))
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host or "127.0.0.1", registry)
    except (OSError, ValueError, OverflowError) as e:
        raise ConfigError(f"metrics can not be served at {address!r}: {e}; write HOST:PORT, for example 127.0.0.1:9464") from e
    return lambda: _end(server, thread), f"{host or '127.0.0.1'}:{server.server_port}"


def _end(server: Any, thread: Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass(frozen=True, slots=True)
class _Collector:
    streams: Streams
    models: Models
    deliveries: Deliveries = dict

    def collect(self) -> "Iterator[Metric]":
        streams = list(self.streams())
        yield from _of_streams(streams)
        yield from _of_models(self.models())
        yield from _of_deliveries(self.deliveries())
        yield _latency(streams)


def _of_streams(streams: "list[StreamProgress]") -> "Iterator[Metric]":
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    state = GaugeMetricFamily("capstream_streams", "Streams by state.", labels=["state"])
    for name in OPEN_STATES:
        state.add_metric([name], sum(s.state == name for s in streams))
    yield state
    position = GaugeMetricFamily("capstream_position_seconds", "Media time up to which the stream was read.", labels=["stream"])
    lag = GaugeMetricFamily("capstream_lag_seconds", "Live: how far that is behind the clock.", labels=["stream"])
    moved = GaugeMetricFamily(
        "capstream_clock_moved_seconds", "Live: the clock that dates the stream, less what its records say.", labels=["stream"]
    )
    waiting = GaugeMetricFamily("capstream_waiting_items", "Items that wait for answers of models.", labels=["stream", "lane"])
    records = CounterMetricFamily("capstream_records", "Committed records.", labels=["stream", "lane", "type"])
    gaps = CounterMetricFamily("capstream_gap_seconds", "Media that was not analysed.", labels=["stream", "lane", "reason"])
    restarts = CounterMetricFamily("capstream_restarts", "Restarts of the stream's process.", labels=["stream"])
    words = CounterMetricFamily("capstream_words", "Words of transcripts.", labels=["stream"])
    erased = CounterMetricFamily("capstream_erased_words", "Words that partials showed and took back.", labels=["stream"])
    for s in streams:
        position.add_metric([s.stream_id], float(s.position))
        restarts.add_metric([s.stream_id], s.restarts)
        if s.lag_s is not None:
            lag.add_metric([s.stream_id], s.lag_s)
            moved.add_metric([s.stream_id], s.stats.clock_moved_s)
        for lane, count in s.stats.waiting.items():
            waiting.add_metric([s.stream_id, lane], count)
        for name, count in s.stats.records.items():
            records.add_metric([s.stream_id, *name.split(".")], count)
        for (lane, reason), seconds in s.stats.gap_s.items():
            gaps.add_metric([s.stream_id, lane, reason], seconds)
        words.add_metric([s.stream_id], s.stats.words)
        erased.add_metric([s.stream_id], s.stats.erased)
    yield from (position, lag, moved, waiting, records, gaps, restarts, words, erased)


def _of_models(models: Mapping[str, ModelStats]) -> "Iterator[Metric]":
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    busy = CounterMetricFamily("capstream_model_busy_seconds", "Time inside the model.", labels=["model"])
    calls = CounterMetricFamily("capstream_model_calls", "Calls of the model.", labels=["model"])
    items = CounterMetricFamily("capstream_model_items", "Items in these calls.", labels=["model"])
    queued = GaugeMetricFamily("capstream_model_queue", "Items that wait for the model.", labels=["model"])
    for name, stats in models.items():
        busy.add_metric([name], stats.busy_s)
        calls.add_metric([name], stats.calls)
        items.add_metric([name], stats.items)
        queued.add_metric([name], stats.queued)
    yield from (busy, calls, items, queued)


def _of_deliveries(deliveries: Mapping[str, DeliveryStats]) -> "Iterator[Metric]":
    from prometheus_client.metrics_core import GaugeMetricFamily

    behind = GaugeMetricFamily("capstream_kafka_behind_bytes", "Of the stream's logs, not in Kafka yet.", labels=["stream"])
    transaction = GaugeMetricFamily("capstream_kafka_transaction_seconds", "The stream's last transaction.", labels=["stream"])
    for stream_id, stats in deliveries.items():
        behind.add_metric([stream_id], stats.behind_bytes)
        transaction.add_metric([stream_id], stats.transaction_s)
    yield from (behind, transaction)


def _latency(streams: "list[StreamProgress]") -> "Metric":
    from prometheus_client.metrics_core import HistogramMetricFamily

    family = HistogramMetricFamily(
        "capstream_latency_seconds", "Live: from the end of what a record tells of to its commit.", labels=["stream", "type"]
    )
    for s in streams:
        for kind, histogram in s.stats.latency.items():
            bounds = [*map(str, BUCKETS_S), "+Inf"]
            sums = [sum(histogram.counts[: n + 1]) for n in range(len(bounds))]
            family.add_metric([s.stream_id, kind], [*zip(bounds, sums, strict=True)], histogram.total_s)
    return family
