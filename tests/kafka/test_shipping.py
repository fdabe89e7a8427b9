"""From logs to a read_committed consumer, on the real broker."""

import json
from pathlib import Path

import jsonschema
import pytest
from kafka_streams import LANES, Logs, assert_exact, ship

from pipeline.kafka_connection import Kafka

pytestmark = pytest.mark.kafka


def test_what_is_committed_is_shipped_once_and_in_order(kafka: Kafka, tmp_path: Path) -> None:
    with Logs(tmp_path) as logs:
        for lane in LANES:
            logs.say(lane, 5)
            logs.commit(lane)
            logs.say(lane)  # not committed
        assert ship(tmp_path, kafka, "one") == 0
        expected = {("one", 1, origin): 5 for origin in ("look.black", "listen.words", "narrate.subtitles")}
        messages = assert_exact(kafka, expected)
        for message in messages:
            value = json.loads(message.value)
            schema = json.loads(Path(f"operators/schemas/{value['type']}.v1.json").read_text())
            jsonschema.validate(value, schema)
            assert message.key == b"one"
            assert dict(message.headers)["ce_id"] == f"{value['generation']}/{value['sequence']}".encode()
        logs.commit("look")
        logs.finish()
        assert ship(tmp_path, kafka, "one") == 0
        expected |= {("one", 1, "look.black"): 6, ("one", 1, "listen.words"): 6, ("one", 1, "narrate.subtitles"): 6}
        assert_exact(kafka, expected | {("one", 1, lane): 1 for lane in LANES})
