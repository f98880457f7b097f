"""Requests that come over the broker, from producers that speak Celery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from models.operations.jobs.enqueue import Enqueued, IdempotencyConflictError, enqueue_render_job
from reelqueue.errors import ConflictError, InvalidRequestError
from reelqueue.requests.parse import parse_request
from workers.failpoints import Failpoint, failpoint
from workers.runtime.context import Context

KEY_CHARACTERS: Final = 255


def take_in(context: Context, request: object, idempotency_key: object) -> Enqueued:
    """Store one request, commit, then hint.

    Args:
        context: The outside world.
        request: The request object, as it came: nothing has looked at it yet.
        idempotency_key: The producer's key, as it came.

    Raises:
        reelqueue.errors.InvalidRequestError: The request cannot be rendered; nothing was stored.
        reelqueue.errors.ConflictError: The key belongs to another request.
    """
    if request is None or idempotency_key is None:
        missing = "request" if request is None else "idempotency_key"
        raise InvalidRequestError(
            "missing_option",
            f"{missing}: intake.enqueue needs the keyword arguments request (a JSON object) and idempotency_key "
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
    parsed = parse_request(request)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        try:
            stored = enqueue_render_job(session, parsed, now=now, idempotency_key=idempotency_key)
        except IdempotencyConflictError as error:
            # Celery rebuilds an error from its arguments, and its sender has our client's classes at most.
            raise ConflictError(409, "idempotency_key_reused", str(error)) from error
    failpoint(Failpoint.TAKEN_IN)
    context.hints.dispatch()
    return stored


def _is_key(text: str) -> bool:
    # Printable: Postgres stores neither NUL nor half of a surrogate pair.
    return 0 < len(text) <= KEY_CHARACTERS and text.isprintable()
