"""Hints over a real broker: where they go, what they show, and what happens when nobody takes them."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from celery import Celery
from structlog.testing import capture_logs

from embedded.servers.valkey import ValkeyServer
from models.operations.scheduling.poll_wakeups import Wake
from tests.conftest import free_port
from workers.app import app as workers_app
from workers.runtime.hints import CeleryHints

JOB, ACCOUNT, ATTEMPT, ENDPOINT = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
MODEL = "wan2.6-t2v"
LONGEST_COUNTDOWN_SECONDS = 30
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

HINTS = [
    ("dispatch", (), {}, "control", [], "()"),
    ("submit", (JOB, 7, MODEL), {}, "submit", [str(JOB), 7], f"model={MODEL} job={JOB}"),
    ("poll", (Wake(ACCOUNT, 5, NOW, "studio"),), {"now": NOW}, "poll", [str(ACCOUNT), 5], "account=studio seq=5"),
    ("archive", (JOB, MODEL), {}, "archive", [str(JOB)], f"model={MODEL} job={JOB}"),
    ("reconcile", (ATTEMPT, JOB), {}, "control", [str(ATTEMPT)], f"attempt={ATTEMPT} job={JOB}"),
    ("text", (JOB, "qwen-plus"), {}, "text", [str(JOB)], f"model=qwen-plus text_job={JOB}"),
    ("gather", ("qwen-plus",), {}, "batch", ["qwen-plus"], "model=qwen-plus"),
    ("batch", (JOB,), {}, "batch", [str(JOB)], f"batch={JOB}"),
    ("notify", (ENDPOINT,), {}, "notify", [str(ENDPOINT)], f"endpoint={ENDPOINT}"),
]


def app_on(broker_url: str) -> Celery:
    """The workers' app on another broker."""
    app = Celery(broker=broker_url, set_as_current=False)
    app.conf.update({key: workers_app.conf[key] for key in ("task_queues", "task_routes", "task_serializer")})
    app.conf.task_publish_retry_policy = {"max_retries": 0}
    return app


@pytest.fixture
def hints(broker_url: str) -> Iterator[CeleryHints]:
    app = app_on(broker_url)
    yield CeleryHints(app, longest_countdown_seconds=LONGEST_COUNTDOWN_SECONDS)
    app.close()


def take(broker: ValkeyServer, queue: str) -> dict[str, Any]:
    """The only message of a queue, and of the broker."""
    with redis.Redis.from_url(broker.client_url) as client:
        assert [key for key in client.keys() if not key.startswith(b"_kombu")] == [queue.encode()]  # noqa: SIM118
        (message,) = client.lrange(queue, 0, -1)
    return json.loads(message)


@pytest.mark.parametrize(("name", "arguments", "options", "queue", "sent", "shown"), HINTS, ids=[h[0] for h in HINTS])
def test_a_hint_is_a_message_with_ids_alone(
    hints: CeleryHints,
    broker: ValkeyServer,
    name: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    queue: str,
    sent: list[Any],
    shown: str,
) -> None:
    getattr(hints, name)(*arguments, **options)

    message = take(broker, queue)
    args, kwargs, _ = json.loads(b64decode(message["body"]))
    assert (args, kwargs) == (sent, {})
    assert message["headers"]["expires"] is None
    assert (message["headers"]["argsrepr"], message["headers"]["kwargsrepr"]) == (shown, "")
    assert message["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("seconds", "countdown"),
    [(-5, None), (0, None), (12.5, 12.5), (30, 30), (600, LONGEST_COUNTDOWN_SECONDS)],
)
def test_no_message_waits_longer_than_the_longest_countdown(
    hints: CeleryHints, broker: ValkeyServer, seconds: float, countdown: float | None
) -> None:
    hints.poll(Wake(ACCOUNT, 1, NOW + timedelta(seconds=seconds), "studio"), now=NOW)

    eta = take(broker, "poll")["headers"]["eta"]
    if countdown is None:
        assert eta is None
    else:
        waits = datetime.fromisoformat(eta) - datetime.now(UTC)
        assert timedelta(seconds=countdown - 10) < waits <= timedelta(seconds=countdown)


def test_a_hint_without_a_broker_fails_nothing() -> None:
    app = app_on(f"redis://127.0.0.1:{free_port()}/0")

    with capture_logs() as logs:
        CeleryHints(app, longest_countdown_seconds=30).submit(JOB, 1, MODEL)

    assert [(log["event"], log["remedy"]) for log in logs] == [("hint.not_sent", "the sweep sends it again")]
    app.close()


def test_what_nobody_has_taken_is_counted(hints: CeleryHints) -> None:
    assert hints.waiting_count("render.archive") == 0
    for _ in range(3):
        hints.archive(JOB, MODEL)
    hints.submit(JOB, 1, MODEL)

    assert [hints.waiting_count(task) for task in ("render.archive", "render.submit", "webhook.deliver")] == [3, 1, 0]


def test_a_broker_that_is_away_is_taken_for_empty() -> None:
    app = app_on(f"redis://127.0.0.1:{free_port()}/0")

    assert CeleryHints(app, longest_countdown_seconds=30).waiting_count("render.archive") == 0
    app.close()


def test_a_hint_to_a_full_broker_fails_nothing(hints: CeleryHints, broker: ValkeyServer) -> None:
    with redis.Redis.from_url(broker.client_url) as client, capture_logs() as logs:
        client.config_set("maxmemory", 1)
        hints.dispatch()
        client.config_set("maxmemory", 0)

    assert [log["event"] for log in logs] == ["hint.not_sent"]


def test_a_hint_to_a_broker_that_only_reads_fails_nothing(hints: CeleryHints, broker: ValkeyServer) -> None:
    with redis.Redis.from_url(broker.client_url) as client, capture_logs() as logs:
        client.replicaof("127.0.0.1", free_port())
        hints.dispatch()
        client.replicaof("NO", "ONE")

    assert [log["event"] for log in logs] == ["hint.not_sent"]
