"""What beat and the API send is done by a worker whose clock is an hour ahead of theirs, and never piles up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.signals import beat_init
from celery.worker.request import Request

from api.dispatch_hints import make_producer, send_dispatch
from reelqueue import messages
from tests.conftest import free_port
from workers.app import app as workers_app
from workers.beat import BoundedScheduler, ask_at_start

QUEUE = "control"


@pytest.fixture
def app(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """The workers' app on a broker of the test's own, in a process whose clock is an hour behind its workers'."""
    app = app_on(broker_url)
    real = app.now
    monkeypatch.setattr(app, "now", lambda: real() - timedelta(hours=1))
    yield app
    app.close()


def app_on(broker_url: str) -> Celery:
    app = Celery(broker=broker_url, set_as_current=False)
    taken = ("task_queues", "task_routes", "task_serializer", "beat_schedule", "beat_scheduler")
    app.conf.update({key: workers_app.conf[key] for key in taken}, task_publish_retry=False)
    return app


@pytest.fixture
def beat(app: Celery, tmp_path: Path) -> Iterator[BoundedScheduler]:
    """The scheduler that beat runs."""
    assert app.conf.beat_scheduler == "workers.beat:BoundedScheduler"
    beat = BoundedScheduler(app, schedule_filename=str(tmp_path / "beat"))
    yield beat
    beat.close()


def send_all(beat: BoundedScheduler) -> None:
    for name in workers_app.conf.beat_schedule:
        beat.apply_entry(beat.schedule[name])


def sent(app: Celery) -> list[Request]:
    """What waits, as a worker takes it."""
    workers_app.loader.import_default_modules()
    found: list[Request] = []
    with app.connection_for_read() as connection:
        channel: Any = connection.channel()
        while (message := channel.basic_get(QUEUE, no_ack=True)) is not None:
            found.append(Request(message, app=workers_app, hostname="control@ahead"))
    return found


def test_a_worker_whose_clock_is_an_hour_ahead_sweeps(app: Celery, beat: BoundedScheduler) -> None:
    send_all(beat)

    requests = sent(app)

    assert {request.name for request in requests} == {
        messages.CONTROL_SWEEP,
        messages.CONTROL_ADOPT,
        messages.CONTROL_LIMITS,
        messages.CONTROL_MODELS,
        messages.CONTROL_NOTICES,
        messages.CONTROL_REPORT,
    }
    assert not any(request.revoked() for request in requests)


def test_it_looks_for_orphans_and_prices_when_beat_starts(app: Celery) -> None:
    before = list(beat_init.receivers or [])
    ask_at_start(app)
    beat_init.receivers, ours = beat_init.receivers[-1:], before
    try:
        beat_init.send(sender=None)
    finally:
        beat_init.receivers = ours

    requests = sent(app)
    assert [request.name for request in requests] == [messages.CONTROL_ADOPT, messages.CONTROL_MODELS]
    assert not any(request.revoked() for request in requests)


def test_it_dispatches_what_the_api_has_stored(app: Celery, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    producer = make_producer(broker_url)
    real = producer.now
    monkeypatch.setattr(producer, "now", lambda: real() - timedelta(hours=1))

    send_dispatch(producer)

    (request,) = sent(app)
    assert (request.name, request.revoked()) == (messages.CONTROL_DISPATCH, False)
    producer.close()


def test_what_piles_up_while_no_worker_takes_it_is_bounded(
    app: Celery, beat: BoundedScheduler, broker_url: str
) -> None:
    producer = make_producer(broker_url)
    for _ in range(messages.ENOUGH_WAITING):
        send_all(beat)
        send_dispatch(producer)

    waiting = sent(app)
    assert messages.ENOUGH_WAITING <= len(waiting) <= messages.ENOUGH_WAITING + 1
    assert {request.name for request in waiting} == {
        messages.CONTROL_SWEEP,
        messages.CONTROL_ADOPT,
        messages.CONTROL_LIMITS,
        messages.CONTROL_MODELS,
        messages.CONTROL_NOTICES,
        messages.CONTROL_REPORT,
        messages.CONTROL_DISPATCH,
    }

    send_all(beat)
    send_dispatch(producer)
    assert len(sent(app)) == 7
    producer.close()


def test_a_broker_that_is_away_stops_no_beat(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = app_on(f"redis://127.0.0.1:{free_port()}/0")
    beat = BoundedScheduler(app, schedule_filename=str(tmp_path / "beat"))

    send_all(beat)

    assert [record.getMessage()[:13] for record in caplog.records if record.levelname == "ERROR"] == 6 * [
        "Message Error"
    ]
    beat.close()
    app.close()
