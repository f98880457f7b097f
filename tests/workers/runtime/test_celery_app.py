"""The Celery app's promises, each of which was a way to lose or double messages."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from celery.utils.time import maybe_timedelta
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads, prepare_accept_content
from pydantic import ValidationError

from reelqueue import messages
from workers.app import app
from workers.queues import QUEUES, ROUTES, QueueName
from workers.runtime.redaction import RedactedTask
from workers.settings import CelerySettings

ROOT = Path(__file__).parents[3]
# Fails as soon as a module opens a connection, and says which.
IMPORT_ALL = """
import sys
sys.addaudithook(lambda event, args: sys.exit(f"{event} {args}") if event == "socket.connect" else None)
import workers.app, workers.tasks.control, workers.tasks.intake, workers.tasks.render, workers.__main__
"""


def our_tasks() -> Iterable[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith("celery.")}


def test_every_task_has_a_route_and_every_route_a_task() -> None:
    assert our_tasks() == set(ROUTES)


def test_every_queue_has_a_task() -> None:
    used = {route["queue"] for route in ROUTES.values()}

    assert used == set(QueueName) - {QueueName.DEFAULT}


def test_every_queue_has_its_own_exchange_and_key() -> None:
    """With Celery's defaults all would share one, and each message would go to every queue."""
    assert [(queue.name, queue.exchange.name, queue.routing_key) for queue in QUEUES] == [
        (name, name, name) for name in QueueName
    ]
    assert all(queue.exchange.type == "direct" for queue in QUEUES)


@pytest.mark.parametrize("task", sorted(ROUTES))
def test_a_message_is_routed_to_its_queue(task: str) -> None:
    route = app.amqp.router.route({}, task)

    assert route["queue"].name == messages.QUEUE_BY_TASK[task]
    assert route["queue"].routing_key == messages.QUEUE_BY_TASK[task]


def test_a_task_that_has_no_route_goes_to_no_new_queue() -> None:
    assert app.amqp.router.route({}, "no.such.task")["queue"].name == QueueName.DEFAULT
    assert not app.conf.task_create_missing_queues


def test_no_countdown_outlives_the_visibility_timeout() -> None:
    """Redis hands out again, and again, what waits longer in a worker."""
    longest = CelerySettings().longest_countdown_seconds

    assert longest * 2 <= app.conf.broker_transport_options["visibility_timeout"]


@pytest.mark.parametrize(
    ("countdown", "visibility", "is_healthy"), [(30, 120, True), (60, 120, True), (61, 120, False), (120, 120, False)]
)
def test_settings_that_would_double_messages_are_refused(countdown: int, visibility: int, *, is_healthy: bool) -> None:
    values = {"longest_countdown_seconds": countdown, "visibility_timeout_seconds": visibility}

    if is_healthy:
        assert CelerySettings(**values)
    else:
        with pytest.raises(ValidationError, match="LONGEST_COUNTDOWN_SECONDS"):
            CelerySettings(**values)


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_a_killed_workers_message_comes_back_or_has_a_lease(name: str) -> None:
    our_tasks()
    task = app.tasks[name]

    # A poll and a batch have a lease, and an answer an attempt with a time: the sweep brings all of them back.
    early = {messages.RENDER_POLL, messages.TEXT_ANSWER, messages.TEXT_GATHER, messages.TEXT_BATCH}
    assert task.acks_late is (name not in early)
    assert task.reject_on_worker_lost


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_every_task_is_discreet_and_says_what_it_does(name: str) -> None:
    our_tasks()

    assert isinstance(app.tasks[name], RedactedTask)
    assert app.tasks[name].run.__doc__


def test_only_the_producers_get_a_result() -> None:
    our_tasks()

    taking_in = {messages.INTAKE_ENQUEUE, messages.INTAKE_ENQUEUE_TEXT}
    assert {name for name in ROUTES if not app.tasks[name].ignore_result} == taking_in


def test_a_pickled_message_is_refused() -> None:
    accepted = prepare_accept_content(app.conf.accept_content)

    with pytest.raises(ContentDisallowed):
        loads(pickle.dumps("anything"), "application/x-python-serialize", "binary", accept=accepted)


def test_a_task_that_listens_ends_before_one_that_does_not() -> None:
    assert app.conf.task_soft_time_limit < app.conf.task_time_limit


def test_the_sweep_comes_before_a_lost_hint_hurts() -> None:
    entry = app.conf.beat_schedule["sweep"]

    assert entry["task"] == messages.CONTROL_SWEEP
    assert maybe_timedelta(entry["schedule"]).total_seconds() <= 10


def test_orphans_are_looked_for_hourly() -> None:
    entry = app.conf.beat_schedule["adopt"]

    assert (entry["task"], entry["schedule"]) == (messages.CONTROL_ADOPT, 3600)


def test_importing_everything_connects_to_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
