"""Enqueues requests that arrive over the broker, from producers that use Celery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from models.operations.jobs.enqueue import Enqueued, IdempotencyConflictError, enqueue_render_job
from models.operations.texts.from_document import enqueue_text_document
from models.text_job import TextJob
from reelqueue import messages
from reelqueue.errors import ConflictError, InvalidRequestError
from reelqueue.requests.parse import parse_request
from workers.failpoints import Failpoint, failpoint
from workers.runtime.context import Context

KEY_CHARACTERS: Final = 255


def take_in(context: Context, request: object, idempotency_key: object) -> Enqueued:
    """Store one request for a video, commit, then hint.

    Args:
        context: The outside world.
        request: The request object, as it came: nothing has looked at it yet.
        idempotency_key: The producer's key, as it came.

    Raises:
        reelqueue.errors.InvalidRequestError: The request cannot be rendered; nothing was stored.
        reelqueue.errors.ConflictError: The key belongs to another request.
    """
    given, key = _checked(request, idempotency_key, task=messages.INTAKE_ENQUEUE)
    parsed = parse_request(given)
    with context.sessions.begin() as session, _conflicts():
        stored = enqueue_render_job(session, parsed, now=context.clock.now(session), idempotency_key=key)
    failpoint(Failpoint.TAKEN_IN)
    context.hints.dispatch()
    return stored


def take_in_text(context: Context, request: object, idempotency_key: object) -> Enqueued:
    """Store one question to a language model, commit, then hint.

    Args:
        context: The outside world.
        request: The text request with its job's options, as it came.
        idempotency_key: The producer's key, as it came.

    Raises:
        reelqueue.errors.InvalidRequestError: The model does not take the request; nothing was stored.
        reelqueue.errors.ConflictError: The key belongs to another request.
    """
    given, key = _checked(request, idempotency_key, task=messages.INTAKE_ENQUEUE_TEXT)
    with context.sessions.begin() as session, _conflicts():
        stored = enqueue_text_document(session, given, now=context.clock.now(session), idempotency_key=key)
        job = session.get_one(TextJob, stored.job_id)
        model, is_batched = job.model, job.is_batched
    failpoint(Failpoint.TEXT_TAKEN_IN)
    if not is_batched:  # those are gathered by the sweep
        context.hints.text(stored.job_id, model)
    return stored


def _checked(request: object, idempotency_key: object, *, task: str) -> tuple[Mapping[str, object], str]:
    """Request and key, if they can be such."""
    if request is None or idempotency_key is None:
        missing = "request" if request is None else "idempotency_key"
        raise InvalidRequestError(
            "missing_option",
            f"{missing}: {task} needs the keyword arguments request (a JSON object) and idempotency_key "
            "(a text such as an order's id: a message that comes twice is then one job)",
            missing,
        )
    if not isinstance(request, Mapping):
        raise InvalidRequestError("not_an_object", f"request is a {type(request).__name__}; send a JSON object")
    if not isinstance(idempotency_key, str) or not _is_key(idempotency_key):
        raise InvalidRequestError(
            "idempotency_key",
            f"idempotency_key must be a text of 1 to {KEY_CHARACTERS} printable characters, such as an order's id",
        )
    return request, idempotency_key


@contextmanager
def _conflicts() -> Iterator[None]:
    """Refuse a key that belongs to another request, as the API does."""
    try:
        yield
    except IdempotencyConflictError as error:
        # Celery rebuilds an error from its arguments, and its sender has our client's classes at most.
        raise ConflictError(409, "idempotency_key_reused", str(error)) from error


def _is_key(text: str) -> bool:
    # Printable: Postgres stores neither NUL nor half of a surrogate pair.
    return 0 < len(text) <= KEY_CHARACTERS and text.isprintable()
