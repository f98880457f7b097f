"""The operations of both clients: which requests they make and what they read from the answers."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from uuid import UUID, uuid4

import httpx

from reelqueue.backoff import Backoff
from reelqueue.client._answers import read
from reelqueue.client._download import PartialFile
from reelqueue.client._steps import Fetch, Pause, Send, Steps, deadline, exchange
from reelqueue.errors import InvalidRequestError, RenderJobError, WaitTimeoutError
from reelqueue.schemas.catalog import ModelCards
from reelqueue.schemas.grouping import Grouping
from reelqueue.schemas.jobs import JOBS_MAX, Job, JobPage, Preview, StoredJobs
from reelqueue.schemas.statement import Statement
from reelqueue.schemas.why import Why
from reelqueue.states import RenderState, TextState

if TYPE_CHECKING:
    from reelqueue.requests.base import RenderRequest

S = TypeVar("S", RenderState, TextState)

Running = Literal["finish", "abandon"]
"""What a cancel does with a video that is rendering: collect it after all, or leave it (billed) there."""

_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,255}")
"""What a header can carry; the server asks for the same."""


@dataclass(frozen=True, slots=True)
class Operations:
    """What a client can ask of the API; each method is a generator of steps."""

    retry_seconds: float
    """For how long a call is tried again while the server cannot be reached."""

    def submit(
        self, request: RenderRequest | Mapping[str, object] | None, options: Mapping[str, object], key: str | None
    ) -> Steps[Job]:
        """Store a job; *key* or a fresh one makes it safe to send this twice."""
        headers = {"Idempotency-Key": uuid4().hex if key is None else header_text(key)}
        body = encode(_request_object(request, options))
        return read(Job, (yield from self._send("POST", "/v1/jobs", content=body, headers=headers)))

    def submit_many(
        self, requests: Iterable[RenderRequest | Mapping[str, object]], keys: Iterable[str] | None
    ) -> Steps[list[Job]]:
        """Store many jobs, all or none; *keys* or fresh ones make it safe to send this twice."""
        jobs = _batch(list(requests), keys)
        if not jobs:
            return []
        answer = yield from self._send("POST", "/v1/jobs/batch", content=encode({"jobs": jobs}))
        return read(StoredJobs, answer).items

    def preview(
        self, request: RenderRequest | Mapping[str, object] | None, options: Mapping[str, object]
    ) -> Steps[Preview]:
        """What the provider would be sent."""
        body = encode(_request_object(request, options))
        return read(Preview, (yield from self._send("POST", "/v1/preview", content=body)))

    def get(self, job_id: UUID | str) -> Steps[Job]:
        """The job as it is now."""
        job_id = uuid_of(job_id)
        return read(Job, (yield from self._send("GET", f"/v1/jobs/{job_id}")))

    def why(self, job_id: UUID) -> Steps[Why]:
        """What the job waits for."""
        return read(Why, (yield from self._send("GET", f"/v1/jobs/{job_id}/why")))

    def page(self, filters: Mapping[str, str | list[str]], cursor: str | None) -> Steps[JobPage]:
        """One page of jobs."""
        params = {**filters, **({"cursor": cursor} if cursor else {})}
        return read(JobPage, (yield from self._send("GET", "/v1/jobs", params=params)))

    def models(self) -> Steps[ModelCards]:
        """The server's catalog."""
        return read(ModelCards, (yield from self._send("GET", "/v1/models")))

    def statement(self, by: Grouping, first_day: date | None, last_day: date | None) -> Steps[Statement]:
        """What was paid."""
        days = {"from": first_day, "to": last_day}
        params = {"by": by.value} | {name: day.isoformat() for name, day in days.items() if day is not None}
        return read(Statement, (yield from self._send("GET", "/v1/statement", params=params)))

    def cancel(self, job_id: UUID, running: Running) -> Steps[Job]:
        """Ask for the job to be stopped."""
        body = encode({"running": running})
        return read(Job, (yield from self._send("POST", f"/v1/jobs/{job_id}/cancel", content=body)))

    def wait(self, job_id: UUID, timeout_seconds: float, on_change: Callable[[Job], None] | None) -> Steps[Job]:
        """Poll until the job is terminal; an unreachable server is borne until the wait's own end."""
        give_up_at = deadline(timeout_seconds)
        last: Job | None = None
        for interval in wait_intervals():
            answer = yield from exchange(Send("GET", f"/v1/jobs/{job_id}"), give_up_at=give_up_at)
            job = read(Job, answer)
            if on_change is not None and job != last:
                on_change(job)
            if job.is_terminal:
                return _succeeded(job)
            left = give_up_at - time.monotonic()
            if left <= 0:
                break
            last = job
            yield Pause(min(interval, left))
        raise WaitTimeoutError(job_id, timeout_seconds)

    def download(self, job_id: UUID, path: Path, timeout_seconds: float) -> Steps[Path]:
        """Bring the video to *path*, or into it where it is a folder."""
        job = yield from self.get(job_id)
        if job.asset is None:
            raise RenderJobError(job.id, job.state, "there is no stored video" + _remedy(job))
        destination = path / f"{job.id}.mp4" if path.is_dir() else path
        give_up_at = deadline(timeout_seconds)
        with PartialFile(destination, give_up_at=give_up_at) as part:
            # Not `asset.url`: a client sends its key only to places that it names itself.
            yield from exchange(Fetch(f"/v1/jobs/{job_id}/asset", part), give_up_at=give_up_at)
            return part.commit(sha256=job.asset.sha256)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | list[str]] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Steps[httpx.Response]:
        json_type = {"Content-Type": "application/json"} if content is not None else {}
        step = Send(method, path, params or {}, content, {**json_type, **(headers or {})})
        return (yield from exchange(step, give_up_at=deadline(self.retry_seconds)))


def filters(
    kind: type[S],
    *,
    state: S | Sequence[S] | None,
    model: str | None,
    mode: str | None,
    custom_id: str | None,
    campaign: str | None,
    metadata: Mapping[str, object] | None,
    created_after: datetime | None,
    created_before: datetime | None,
    page_size: int,
) -> dict[str, str | list[str]]:
    """Query parameters of a listing of jobs, whose states are of a *kind*.

    Raises:
        InvalidRequestError: a moment has no time zone, or *metadata* is not JSON.
    """
    # One state is a string too, and so a sequence; strings that name states are welcome in both forms.
    states = [state] if isinstance(state, str) else state
    given: dict[str, str | list[str] | None] = {
        "state": [kind(each).value for each in states] if states else None,
        "model": model,
        "mode": mode,
        "custom_id": custom_id,
        "campaign": campaign,
        "metadata": encode(metadata).decode() if metadata is not None else None,
        "created_after": _moment("created_after", created_after) if created_after else None,
        "created_before": _moment("created_before", created_before) if created_before else None,
        "limit": str(page_size),
    }
    return {name: value for name, value in given.items() if value is not None}


def _moment(name: str, moment: datetime) -> str:
    if moment.tzinfo is None:
        raise InvalidRequestError(
            "naive_datetime",
            f"{name}: {moment.isoformat(sep=' ')} has no time zone; give datetime(..., tzinfo=UTC), "
            "or moment.astimezone() where it is meant in this machine's time",
            name,
        )
    return moment.isoformat()


def _request_object(
    request: RenderRequest | Mapping[str, object] | None, options: Mapping[str, object]
) -> dict[str, object]:
    """The flat object that the API takes, checked here first: a typing error needs no round trip.

    Local pictures become data URIs, because the server reads no files for its callers.
    """
    from reelqueue.requests.base import RenderRequest
    from reelqueue.requests.parse import parse_request

    if isinstance(request, RenderRequest):
        if options:
            raise TypeError("give a request object or options, not both: the object is complete")
        checked = request
    else:
        checked = parse_request({**(request or {}), **options}, local_files=True)
    return {**checked.options(), "mode": checked.mode}


def _batch(
    requests: Sequence[RenderRequest | Mapping[str, object]], keys: Iterable[str] | None
) -> list[dict[str, object]]:
    """The jobs of a batch as the API takes them, each checked here first.

    Raises:
        InvalidRequestError: One cannot be rendered, which is named, or there are too many.
    """
    if len(requests) > JOBS_MAX:
        seen = f"requests: at most {JOBS_MAX} are stored at once, not {len(requests)}; send them in parts"
        raise InvalidRequestError("too_many_jobs", seen, "requests")
    chosen = [uuid4().hex for _ in requests] if keys is None else list(keys)
    if len(chosen) != len(requests):
        seen = f"idempotency_keys: {len(chosen)} for {len(requests)} requests; give one for each"
        raise InvalidRequestError("wrong_key_count", seen, "idempotency_keys")
    return [_job_of_many(index, *pair) for index, pair in enumerate(zip(requests, chosen, strict=True))]


def _job_of_many(index: int, request: RenderRequest | Mapping[str, object], key: str) -> dict[str, object]:
    place = f"jobs.{index}.request"
    try:
        checked = _request_object(request, {})
        place = f"jobs.{index}"
        return {"request": checked, "idempotency_key": header_text(key)}
    except InvalidRequestError as error:
        field = f"{place}.{error.field}" if error.field else place
        raise InvalidRequestError(error.code, f"{place}: {error.message}", field) from error


def header_text(key: str) -> str:
    """An idempotency key as a header carries it.

    Raises:
        InvalidRequestError: No header can.
    """
    if _IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise InvalidRequestError(
            "invalid_idempotency_key",
            f"idempotency_key: must be 1 to 255 ASCII characters without a space, not {key[:80]!r}; "
            "quote or hash it, such as urllib.parse.quote(key)",
            "idempotency_key",
        )
    return key


def uuid_of(job_id: UUID | str) -> UUID:
    """The id that a caller has given.

    Raises:
        InvalidRequestError: It is none.
    """
    try:
        return UUID(str(job_id))
    except ValueError as error:
        raise InvalidRequestError("invalid_job_id", f"{job_id!r} is no job id; job ids are UUIDs", "job_id") from error


def encode(value: Mapping[str, object]) -> bytes:
    """A body as JSON.

    Raises:
        InvalidRequestError: It cannot be written as such.
    """
    try:
        return json.dumps(value, allow_nan=False).encode("ascii")
    except (TypeError, ValueError) as error:
        raise InvalidRequestError("not_json", f"the request cannot be written as JSON: {error}") from error


def wait_intervals() -> Iterator[float]:
    """0.25 s growing by half to 5 s, each up to a tenth shorter, so that waiters spread out."""
    backoff = Backoff(first_seconds=0.25, longest_seconds=5, jitter=0.1, factor=1.5)
    yield from map(backoff.delay, itertools.count(1))


def _succeeded(job: Job) -> Job:
    if job.state is RenderState.SUCCEEDED:
        return job
    failure = job.failure
    message = (failure.message if failure else None) or "it ended without a video"
    raise RenderJobError(job.id, job.state, message, failure.code if failure else None)


def _remedy(job: Job) -> str:
    return "" if job.is_terminal else " yet; wait for the job first"
