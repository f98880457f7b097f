"""Task names and argument shapes: what travels over the broker.

Arguments are ids and sequence numbers. No prompt, URL or key enters a message, with one exception: ``intake.enqueue``
and ``intake.enqueue_text`` carry the request itself, because their sender may have nothing of ours installed.

==================== =================================================== ===============================
task                 arguments                                           sent by
==================== =================================================== ===============================
``intake.enqueue``   ``request`` (object), ``idempotency_key`` (str)     producers over Celery
``….enqueue_text``   ``request`` (object), ``idempotency_key`` (str)     producers over Celery
``control.dispatch`` none                                                the step that freed or filled a slot
``control.sweep``    none                                                beat
``control.adopt``    none                                                beat, at its start and hourly
``control.limits``   none                                                beat
``control.notices``  none                                                beat
``control.report``   none                                                beat
``render.submit``    ``job_id`` (str), ``epoch`` (int)                   dispatch, sweep
``render.poll``      ``account_id`` (str), ``seq`` (int)                 submit, poll itself, sweep
``render.reconcile`` ``attempt_id`` (str)                                sweep
``render.archive``   ``job_id`` (str)                                    poll, sweep
``render.keep``      ``found_task_id`` (str)                             sweep
``text.answer``      ``text_job_id`` (str)                               API, intake, answer itself, sweep
``text.gather``      ``model`` (str)                                     sweep
``text.batch``       ``batch_id`` (str)                                  gather, batch itself, sweep
``webhook.deliver``  ``endpoint_id`` (str)                               archive, deliver itself, sweep
``….notify_people``  none                                                ``control.notices``, itself
==================== =================================================== ===============================
"""

from __future__ import annotations

from typing import Any, Final

INTAKE_ENQUEUE: Final = "intake.enqueue"
INTAKE_ENQUEUE_TEXT: Final = "intake.enqueue_text"
CONTROL_DISPATCH: Final = "control.dispatch"
CONTROL_SWEEP: Final = "control.sweep"
CONTROL_ADOPT: Final = "control.adopt"
CONTROL_LIMITS: Final = "control.limits"
CONTROL_MODELS: Final = "control.models"
CONTROL_NOTICES: Final = "control.notices"
CONTROL_REPORT: Final = "control.report"
RENDER_SUBMIT: Final = "render.submit"
RENDER_POLL: Final = "render.poll"
RENDER_RECONCILE: Final = "render.reconcile"
RENDER_ARCHIVE: Final = "render.archive"
RENDER_KEEP: Final = "render.keep"
TEXT_ANSWER: Final = "text.answer"
TEXT_GATHER: Final = "text.gather"
TEXT_BATCH: Final = "text.batch"
WEBHOOK_DELIVER: Final = "webhook.deliver"
NOTIFY_PEOPLE: Final = "notices.notify_people"

QUEUE_BY_TASK: Final = {
    INTAKE_ENQUEUE: "intake",
    INTAKE_ENQUEUE_TEXT: "intake",
    CONTROL_DISPATCH: "control",
    CONTROL_SWEEP: "control",
    CONTROL_ADOPT: "control",
    CONTROL_LIMITS: "control",
    CONTROL_MODELS: "control",
    CONTROL_NOTICES: "control",
    CONTROL_REPORT: "control",
    RENDER_SUBMIT: "submit",
    RENDER_POLL: "poll",
    RENDER_RECONCILE: "control",
    RENDER_ARCHIVE: "archive",
    RENDER_KEEP: "archive",
    TEXT_ANSWER: "text",
    TEXT_GATHER: "batch",
    TEXT_BATCH: "batch",
    WEBHOOK_DELIVER: "notify",
    NOTIFY_PEOPLE: "notify",
}
"""The queue of every task; producers and workers route by this table."""

ENOUGH_WAITING: Final = 100
"""Messages in ``control`` behind which no further dispatch or sweep is queued: those that wait find the same rows."""


def waiting_count(connection: Any, queue: str) -> int:  # noqa: ANN401 -- kombu's, untyped and not installed with this
    """Messages that wait in a queue; one that is empty does not exist in Redis.

    Raises:
        Exception: One of ``connection.connection_errors``: the broker does not answer.
    """
    connection.connect()  # kombu's channels do not open a connection that it closed after an error
    try:
        # The connection's own channel: any other holds sockets until it is closed.
        return int(connection.default_channel.queue_declare(queue=queue, passive=True).message_count)
    except connection.channel_errors:
        return 0


def is_enough_waiting(connection: Any, queue: str) -> bool:  # noqa: ANN401 -- kombu's
    """Whether a queue holds so many messages that one more dispatch or sweep would change nothing."""
    try:
        return waiting_count(connection, queue) >= ENOUGH_WAITING
    except connection.connection_errors:
        return False  # sending fails as well, and its error says why
