"""Text jobs in batches at the real simulator, driven by the test, whose clock both sides follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import httpx
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import TextAttempt, TextBatch, TextJob
from models.operations.texts.cancel import request_text_cancel
from models.operations.texts.enqueue import TextJobOptions
from models.session import DatabaseClock
from reelqueue.states import TEXT_TERMINAL, TextAttemptState, TextBatchState, TextState
from tests.support.asked import MODEL, Asked
from workers.batches.gathering import gather_text_jobs
from workers.batches.stepping import step_batch

DAY = 86_400.0
_SENT_BYTES = 65_536
"""Of a piece that httpx sends."""
_READ_BYTES = 1_000
BATCHED = TextJobOptions(is_batched=True)


@dataclass
class AheadClock:
    """The database's clock, and as much more as the test has let pass."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self, session: Session, /) -> datetime:
        """The time now."""
        return DatabaseClock().now(session) + self.ahead


class KilledError(BaseException):
    """The worker is gone: no line of it runs any more."""


@dataclass
class Batched(Asked):
    """Text jobs that are asked in batches."""

    clock: AheadClock = field(default_factory=AheadClock)

    def __post_init__(self) -> None:
        self.context = replace(self.context, clock=self.clock)

    def batched(self, prompt: str = "", *, options: TextJobOptions | None = None, **more: Any) -> UUID:
        """A job that waits for a batch."""
        return self.queued(prompt, options=replace(options or BATCHED, is_batched=True), **more)

    def gathered(self) -> UUID:
        """The newest batch, of the jobs that wait."""
        gather_text_jobs(self.context, MODEL)
        return self.batches()[-1].id

    def batches(self) -> list[TextBatch]:
        """All batches, oldest first."""
        with self.context.sessions() as session:
            return list(session.scalars(select(TextBatch).order_by(TextBatch.id)))

    def batch(self, batch_id: UUID) -> TextBatch:
        """A batch as it is now."""
        with self.context.sessions() as session:
            return session.get_one(TextBatch, batch_id)

    def step(self, batch_id: UUID) -> TextBatch:
        """A batch after its next step, for which nothing else is waited."""
        step_batch(self.context, batch_id)
        return self.batch(batch_id)

    def wait(self, seconds: float) -> None:
        """Let time pass, here and at the provider."""
        self.clock.ahead += timedelta(seconds=seconds)
        self.simulator.control.post("advance", json={"seconds": seconds}).raise_for_status()

    def play(self, *, most: int = 60) -> None:
        """Let hours pass until every job has ended or is held."""
        for _ in range(most):
            self.wait(3600)
            gather_text_jobs(self.context, MODEL)
            for batch in self.batches():
                if batch.state is not TextBatchState.CLOSED:
                    step_batch(self.context, batch.id)
            if all(state in TEXT_TERMINAL | {TextState.HELD} for state in self.states()):
                return
        raise AssertionError(f"after {most} hours there are {self.states()}, {[one.state for one in self.batches()]}")

    def states(self) -> list[TextState]:
        """Of all jobs, oldest first."""
        with self.context.sessions() as session:
            return list(session.scalars(select(TextJob.state).order_by(TextJob.id)))

    def goes_wrong(self, operation: str, kind: str, **rest: Any) -> None:
        """Something goes wrong with the next call of an operation."""
        fault = {"operation": operation, "kind": kind, **rest}
        self.simulator.control.post("faults", json=fault).raise_for_status()

    def made(self) -> list[str]:
        """Names of the batches at the provider, newest first."""
        url = f"{self.simulator.base_url}/compatible-mode/v1/batches?limit=100"
        headers = {"Authorization": "Bearer sk-simulated"}
        listed = httpx.get(url, headers=headers, trust_env=False).raise_for_status().json()
        return [batch["metadata"]["ds_name"] for batch in listed["data"]]

    def configure(self, **changes: Any) -> None:
        """Change the simulator's configuration."""
        config = self.simulator.control.get("config").json()
        for name, values in changes.items():
            config[name] = {**config[name], **values}
        self.simulator.control.post("config", json=config).raise_for_status()

    def forget(self, batch_id: UUID) -> None:
        """Put the database back to where a batch was gathered and not made."""
        sent = {"sent_at": None, "answer_by": None}
        with self.context.sessions.begin() as session:
            session.execute(
                update(TextBatch)
                .where(TextBatch.id == batch_id)
                .values(state=TextBatchState.GATHERED, provider_batch_id=None, provider_sent_at=None, **sent)
            )
            mine = update(TextAttempt).where(TextAttempt.batch_id == batch_id)
            session.execute(mine.values(state=TextAttemptState.INTENT, **sent))

    def cancel(self, job_id: UUID) -> bool:
        """Stop a job, and give its answer up."""
        with self.context.sessions.begin() as session:
            return request_text_cancel(session, job_id, now=self.context.clock.now(session), abandon_running=True)

    def refuse_line(self, batch_id: UUID, number: int) -> None:
        """The provider will say that it has refused the file for one of its lines."""
        error = {"code": "invalid_json_line", "message": "This line is not parseable.", "param": None, "line": number}
        self.says(batch_id, status="failed", errors={"data": [error]})

    def says(self, batch_id: UUID, **facts: Any) -> None:
        """The provider will say this of a batch."""
        provider_id = str(self.batch(batch_id).provider_batch_id)
        document = {"id": provider_id, **facts}
        self.sends_through(lambda: _Answering(f"/batches/{provider_id}", document))

    def slows_files(self, pass_time: Callable[[], None]) -> None:
        """Let time pass with each large piece of a file that is sent or read."""
        self.sends_through(lambda: _Slow(pass_time))

    def sends_through(self, transport: Callable[[], httpx.BaseTransport]) -> None:
        """Let a transport send what goes to the provider."""
        text = self.context.settings.text.model_copy(update={"http_transport": transport})
        self.context = replace(self.context, settings=replace(self.context.settings, text=text))


class _Answering(httpx.HTTPTransport):
    """Answers requests to one path as a test says, and sends the others."""

    def __init__(self, path: str, document: dict[str, Any]) -> None:
        super().__init__()
        self._path = path
        self._document = document

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request."""
        if request.url.path.endswith(self._path):
            return httpx.Response(200, json=self._document)
        return super().handle_request(request)


class _Slow(httpx.HTTPTransport):
    """Lets time pass with each large piece of a file."""

    def __init__(self, pass_time: Callable[[], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request."""
        if request.url.path.endswith("/files"):
            request.stream = _SlowStream(
                cast("httpx.SyncByteStream", request.stream), self._pass_time, size=_SENT_BYTES
            )
        response = super().handle_request(request)
        if request.url.path.endswith("/content"):
            response.stream = _SlowStream(
                cast("httpx.SyncByteStream", response.stream), self._pass_time, size=_READ_BYTES
            )
        return response


class _SlowStream(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, pass_time: Callable[[], None], *, size: int) -> None:
        self._stream = stream
        self._size = size
        self._pass_time = pass_time

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            for begin in range(0, len(piece), self._size):
                part = piece[begin : begin + self._size]
                if len(part) == self._size:
                    self._pass_time()
                yield part

    def close(self) -> None:
        self._stream.close()
