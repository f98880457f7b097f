from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from embedded.servers.valkey import ValkeyServer
from tests.conftest import Simulator
from tests.support.real_worker import PATIENCE_SECONDS, Studio, working

pytestmark = pytest.mark.timeout(4 * PATIENCE_SECONDS)


@pytest.fixture
def studio(database_url: str, broker: ValkeyServer, simulator: Simulator, tmp_path: Path) -> Iterator[Studio]:
    with working(database_url, broker, simulator, tmp_path) as studio:
        yield studio


def message(headers: object, **changes: Any) -> str:
    """A message as kombu writes it, but for *changes*."""
    body = base64.b64encode(json.dumps([[], {}, {}]).encode()).decode()
    properties = {
        "delivery_tag": "one",
        "delivery_info": {"exchange": "intake", "routing_key": "intake"},
        "body_encoding": "base64",
    }
    whole = {"body": body, "content-type": "application/json", "content-encoding": "utf-8", "headers": headers}
    return json.dumps(whole | {"properties": properties} | changes)


TASK = {"task": "intake.enqueue", "id": "1", "lang": "py"}
GARBAGE = [
    b"not json",
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    b"5",
    b"null",
    b"[1]",
    b'"words"',
    b"{}",
    message(TASK, properties=[]),
    message(TASK, properties={"delivery_tag": "two"}),
    message(TASK, properties={"delivery_tag": "three", "delivery_info": 5, "body_encoding": "base64"}),
    message(TASK, properties={"delivery_tag": "four", "delivery_info": {}, "body_encoding": "rot13"}),
    message(TASK, body="%%%"),
    message(TASK, body=5),
    message(TASK, **{"content-type": 5}),
    message(TASK, **{"content-type": "application/x-python-serialize"}),
    message(TASK, **{"content-encoding": 7}),
    message(None),
    message([]),
    message("task"),
    message({"task": None}),
    message({"task": []}),
    message({"task": {}}),
    message({"task": "intake.enqueue"}),
    message(TASK | {"id": {}}),
    message(TASK | {"eta": "tomorrow"}),
    message(TASK | {"eta": 5}),
    message(TASK | {"eta": []}),
    message(TASK | {"expires": "never"}),
    message(TASK | {"expires": []}),
    message(TASK | {"timelimit": "long"}),
    message(TASK | {"timelimit": [1]}),
    message(TASK | {"retries": "many"}),
    message(TASK | {"argsrepr": 5, "kwargsrepr": []}),
    message(TASK | {"group": [], "root_id": {}, "parent_id": 5}),
    message(TASK | {"ignore_result": "perhaps", "replaced_task_nesting": "x", "stamps": 5, "stamped_headers": 7}),
]


def test_what_is_no_message_is_discarded_and_no_worker_ends(studio: Studio) -> None:
    studio.enqueue(1)
    studio.wait_for(succeeded=1)
    pid = studio.child.pid
    with Redis.from_url(studio.broker.broker_url.replace("redis+socket", "unix").partition("?")[0]) as broker:
        for queue in ("control", "intake", "poll"):
            broker.lpush(queue, *GARBAGE)
        studio.enqueue(1, prompt="after all of it")
        studio.wait_until(lambda: broker.llen("control") + broker.llen("intake") + broker.llen("poll") == 0)

    studio.wait_for(succeeded=2)

    assert studio.child.is_running
    assert studio.child.pid == pid
    assert studio.child.log_path.read_text().count("broker.message_discarded") > 0
    assert (studio.billed(), studio.broken()) == (2, [])
