"""The operations of both clients on text jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, Literal
from uuid import UUID, uuid4

from reelqueue.client._answers import read
from reelqueue.client._operations import encode, header_text, uuid_of, wait_intervals
from reelqueue.client._steps import Pause, Send, Steps, deadline, exchange
from reelqueue.errors import TextJobError, WaitTimeoutError
from reelqueue.qwen.request import TextRequest
from reelqueue.schemas.texts import TextJob, TextJobPage
from reelqueue.states import TextState
from reelqueue.texts.text_job import TextJobOptions, parse_text_job, text_job_document

PATH: Final = "/v1/texts"
_JSON: Final = {"Content-Type": "application/json"}

RunningText = Literal["finish", "abandon"]
"""What a cancel does with a job that is being answered: let it end, or give the answer up."""

Decision = Literal["ask_again", "give_up"]
"""What becomes of a held job: it is asked once more, and may be paid twice, or has failed."""


def enqueue(
    request: TextRequest | Mapping[str, object] | None,
    options: Mapping[str, object],
    key: str | None,
    retry_seconds: float,
) -> Steps[TextJob]:
    """Store a job; *key* or a fresh one makes it safe to send this twice."""
    headers = _JSON | {"Idempotency-Key": uuid4().hex if key is None else header_text(key)}
    step = Send("POST", PATH, {}, encode(_document(request, options)), headers)
    return read(TextJob, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def get(job_id: UUID | str, retry_seconds: float) -> Steps[TextJob]:
    """The job as it is now."""
    step = Send("GET", f"{PATH}/{uuid_of(job_id)}")
    return read(TextJob, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def page(filters: Mapping[str, str | list[str]], cursor: str | None, retry_seconds: float) -> Steps[TextJobPage]:
    """One page of jobs."""
    step = Send("GET", PATH, {**filters, **({"cursor": cursor} if cursor else {})})
    return read(TextJobPage, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def cancel(job_id: UUID | str, running: RunningText, retry_seconds: float) -> Steps[TextJob]:
    """Ask for the job to be stopped."""
    step = Send("POST", f"{PATH}/{uuid_of(job_id)}/cancel", {}, encode({"running": running}), _JSON)
    return read(TextJob, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def decide(job_id: UUID | str, decision: Decision) -> Steps[TextJob]:
    """Decide on a held job; one try: sent again, it might meet the job held a second time."""
    step = Send("POST", f"{PATH}/{uuid_of(job_id)}/decide", {}, encode({"decision": decision}), _JSON)
    return read(TextJob, (yield from exchange(step, give_up_at=deadline(0))))


def wait(job_id: UUID | str, timeout_seconds: float, on_change: Callable[[TextJob], None] | None) -> Steps[TextJob]:
    """Poll until the job is terminal; an unreachable server is borne until the wait's own end."""
    known_id, give_up_at = uuid_of(job_id), deadline(timeout_seconds)
    last: TextJob | None = None
    for interval in wait_intervals():
        answer = yield from exchange(Send("GET", f"{PATH}/{known_id}"), give_up_at=give_up_at)
        job = read(TextJob, answer)
        if on_change is not None and job != last:
            on_change(job)
        if job.is_terminal:
            return succeeded(job)
        left = give_up_at - time.monotonic()
        if left <= 0:
            break
        last = job
        yield Pause(min(interval, left))
    raise WaitTimeoutError(known_id, timeout_seconds, "text job")


def succeeded(job: TextJob) -> TextJob:
    """*job*, which has ended, if it has a whole answer.

    Raises:
        TextJobError: It has none.
    """
    if job.state is TextState.SUCCEEDED:
        return job
    failure = job.failure
    message = (failure.message if failure else None) or "it ended without an answer"
    raise TextJobError(job.id, job.state, message, failure.code if failure else None)


def _document(request: TextRequest | Mapping[str, object] | None, options: Mapping[str, object]) -> dict[str, object]:
    """The flat object that the API takes, checked here first: a typing error needs no round trip."""
    if isinstance(request, TextRequest):
        if not options.keys() <= TextJobOptions.model_fields.keys():
            raise TypeError("give a request object or its options, not both: the object is complete")
        _, beside = parse_text_job({"model": request.model, "prompt": "", **options})
        return text_job_document(request, beside)
    return text_job_document(*parse_text_job({**(request or {}), **options}))
