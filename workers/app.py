"""The Celery app: ``celery -A workers.app worker``.

Each option stands with its reason. Postgres is the record, so every option that makes the broker
remember more is weighed against what it costs; none is there to make messages safe.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import setup_logging

from reelqueue import messages
from workers.beat import LIMITS_SECONDS, MODELS_SECONDS, NOTICES_SECONDS, ORPHANS_SECONDS, REPORT_SECONDS, ask_at_start
from workers.heartbeat import touch_while_well
from workers.queues import QUEUES, ROUTES, QueueName
from workers.resources import connect_signals
from workers.runtime.logging_setup import configure_worker_logs
from workers.runtime.malformed_messages import discard_malformed_messages
from workers.runtime.redaction import RedactedTask
from workers.runtime.watchdog import exit_when_stalled
from workers.settings import settings

_settings = settings()

app = Celery(
    "reelqueue",
    broker=_settings.services.broker_url.get_secret_value(),
    backend=_settings.celery.result_backend_url.get_secret_value(),
    # Named, not discovered: a task that is not in the list does not exist.
    include=[
        "workers.tasks.control",
        "workers.tasks.intake",
        "workers.tasks.notices",
        "workers.tasks.render",
        "workers.tasks.text",
        "workers.tasks.webhook",
    ],
    task_cls=RedactedTask,
)

app.conf.update(
    # JSON only: a pickled message runs code in the worker that reads it.
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    result_accept_content=["json"],
    timezone="UTC",
    enable_utc=True,
    # Queues are ours alone; a task without a route is a bug that should be seen (tests/workers).
    task_queues=QUEUES,
    task_routes=ROUTES,
    task_default_queue=QueueName.DEFAULT.value,
    task_create_missing_queues=False,
    # A message is acknowledged when its task has ended, so that a killed worker's comes back; each
    # task bears running twice, because it moves its row first. Polling has its own lease instead.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # One message at a time per process: a slow download must not hold others back.
    worker_prefetch_multiplier=1,
    # The longest thing a task does is one download (its own limit: 900 s). Soft first, so that the
    # task can say what it was doing; hard for code that does not listen. Threads know neither, and
    # are held by the limits of the calls they make.
    task_soft_time_limit=960,
    task_time_limit=1020,
    # Results are for producers of intake.enqueue; everything else is a row.
    task_ignore_result=True,
    result_expires=24 * 3600,
    broker_transport_options={
        # Longer than any countdown (workers/settings.py checks it): Redis hands out again what is
        # not acknowledged by then. kombu: transport/redis.py.
        "visibility_timeout": _settings.celery.visibility_timeout_seconds,
        # A killed worker's messages are looked for every second, not every ten rounds of ten.
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        # Who is killed while it looks keeps the others from looking for this long; kombu's default is five minutes.
        "unacked_mutex_expire": 10,
        # A publish to a frozen broker would otherwise block for ever.
        "socket_timeout": 5,
        "socket_connect_timeout": 5,
    },
    # A hint that cannot be sent is logged, and the sweep sends it again; so one quick retry is enough.
    task_publish_retry=True,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1},
    # The broker may start after us, and go away as often as it likes.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # What worker_cancel_long_running_tasks_on_connection_loss would cancel is guarded by its row.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # Flower lives on events.
    worker_send_task_events=True,
    task_send_sent_event=False,
    task_track_started=False,
    worker_hijack_root_logger=False,
    # What is on the broker and is no message is discarded with a log line; Celery's own consumer would end.
    worker_consumer=discard_malformed_messages(),
    beat_scheduler="workers.beat:BoundedScheduler",
    beat_schedule={
        "sweep": {
            "task": messages.CONTROL_SWEEP,
            "schedule": _settings.celery.sweep_seconds,
            "options": {"argsrepr": "()", "kwargsrepr": "{}"},
        },
        # Beat counts the hour from its own start, so ask_at_start sends the first.
        "adopt": {
            "task": messages.CONTROL_ADOPT,
            "schedule": ORPHANS_SECONDS,
            "options": {"argsrepr": "()", "kwargsrepr": "{}"},
        },
        "read-limits": {
            "task": messages.CONTROL_LIMITS,
            "schedule": LIMITS_SECONDS,
            "options": {"argsrepr": "()", "kwargsrepr": "{}"},
        },
        "read-models": {
            "task": messages.CONTROL_MODELS,
            "schedule": MODELS_SECONDS,
            "options": {"argsrepr": "()", "kwargsrepr": "{}"},
        },
        "notices": {
            "task": messages.CONTROL_NOTICES,
            "schedule": NOTICES_SECONDS,
            "options": {"argsrepr": "()", "kwargsrepr": "{}"},
        },
        "report": {
            "task": messages.CONTROL_REPORT,
            "schedule": REPORT_SECONDS,
            "options": {"argsrepr": "()", "kwargsrepr": "{}"},
        },
    },
)

connect_signals(app, _settings)
ask_at_start(app)
exit_when_stalled(app, after_seconds=_settings.celery.deaf_seconds)
if _settings.celery.heartbeat_path is not None:
    touch_while_well(_settings.celery.heartbeat_path)


@setup_logging.connect
def _set_up_logging(loglevel: int | None = None, **_: Any) -> None:
    configure_worker_logs(loglevel or 20)
