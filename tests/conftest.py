"""What tests need from outside, never skipped silently.

CAPSTREAM_REQUIRE=ray,ffmpeg,whisper,media,kafka,browser makes what is listed and missing fail.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hls.browser import why_not

# A machine that is busy elsewhere makes no test fail.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

REQUIRED = set(filter(None, os.environ.get("CAPSTREAM_REQUIRE", "").split(",")))
MEDIA = Path(os.environ.get("CAPSTREAM_MEDIA") or Path(__file__).parents[2] / "shared" / "media")


def missing(what: str, why: str) -> None:
    """Fail where `what` is required, else skip and say how to provide it."""
    if what in REQUIRED:
        pytest.fail(f"{what} is required (CAPSTREAM_REQUIRE) and missing: {why}")
    pytest.skip(why)


@pytest.fixture(autouse=True)
def _provided(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("ffmpeg") and not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        missing("ffmpeg", "ffmpeg is not there: apt-get install ffmpeg")
    if request.node.get_closest_marker("browser") and (why := why_not()):
        missing("browser", why)
    if request.node.get_closest_marker("media") and not MEDIA.is_dir():
        missing("media", f"no real media at {MEDIA}: set CAPSTREAM_MEDIA to their folder")


@pytest.fixture
def media() -> Callable[[str], Path]:
    """A file of the real media by its path in MANIFEST.json."""

    def path(name: str) -> Path:
        file = MEDIA / name
        if not file.exists():
            missing("media", f"{name} is not there: set CAPSTREAM_MEDIA to the folder of the real media")
        return file

    return path


@pytest.fixture(scope="session")
def whisper_base() -> Path:
    """The folder of the real Whisper base (CTranslate2), fetched once into the user's cache."""
    from operators.errors import ModelUnavailable
    from pipeline.models import resolve

    try:
        return resolve("whisper-base")
    except ModelUnavailable as e:
        missing("whisper", f"Whisper base can not be had: {e}; try `capstream models fetch whisper-base`")
        raise


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """`real_kafka.RealKafka`: Apache Kafka on free ports, or what KAFKA_BOOTSTRAP names."""
    import real_kafka

    from deploy.kafka.broker import BrokerError

    try:
        found = real_kafka.start(tmp_path_factory.mktemp("kafka"))
    except BrokerError as e:
        missing("kafka", f"no Kafka broker: {e}")
        raise
    yield found
    if found.broker is not None:
        found.broker.kill()


@pytest.fixture
def kafka(real_kafka: Any) -> Any:
    """`pipeline.kafka_connection.Kafka` with a prefix of its own, its topics made."""
    from uuid import uuid4

    from pipeline.kafka_connection import Kafka, KafkaOptions
    from pipeline.kafka_topics import ensure_topics

    real_kafka.ensure()
    kafka = Kafka(KafkaOptions(bootstrap=real_kafka.bootstrap, prefix=f"t{uuid4().hex[:8]}"))
    ensure_topics(kafka)
    return kafka


@pytest.fixture
def proxy(real_kafka: Any, kafka: Any) -> Iterator[Any]:
    """`kafka_proxy.KafkaProxy` between the broker and `proxied`."""
    from kafka_proxy import KafkaProxy

    if real_kafka.broker is None:
        pytest.skip("needs a broker of its own: unset KAFKA_BOOTSTRAP")
    with KafkaProxy(real_kafka.proxy_port, real_kafka.behind_port) as proxy:
        yield proxy


@pytest.fixture
def proxied(real_kafka: Any, kafka: Any, proxy: Any) -> Any:
    """`kafka`, reached through `proxy`."""
    from dataclasses import replace

    return replace(kafka, options=replace(kafka.options, bootstrap=real_kafka.proxied))
