"""The writer's calls as text jobs: the same call is the same job; one that failed in an earlier run is asked again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from reelqueue.campaigns.writer.calls import TextCallError
from reelqueue.cli._writer.queued import QueuedCalls
from reelqueue.client import Client
from reelqueue.errors import TextJobError, WaitTimeoutError
from reelqueue.qwen import TextRequest
from reelqueue.schemas.jobs import Failure
from reelqueue.schemas.texts import TextAnswer, TextJob, TextPaidCost, TextUsage
from reelqueue.states import FailureClass, TextState

ASK = TextRequest(model="qwen-plus", prompt="Name a boat.")


class Server:
    """Text jobs by their idempotency keys; each ends as it is told to."""

    def __init__(self, *ends: TextState | str) -> None:
        self.ends = list(ends)
        self.slow_waits = 0
        self.jobs: dict[str, TextJob] = {}
        self.texts = self

    def enqueue(self, request: TextRequest, *, idempotency_key: str, **options: Any) -> TextJob:
        known = self.jobs.get(idempotency_key)
        if known is not None:
            return known
        job = job_of(request, TextState.QUEUED, **options)
        self.jobs[idempotency_key] = job
        return job

    def wait(self, job_id: UUID, seconds: float) -> TextJob:
        if self.slow_waits:
            self.slow_waits -= 1
            raise WaitTimeoutError(job_id, seconds, "text job")
        key, job = next((key, job) for key, job in self.jobs.items() if job.id == job_id)
        if not job.is_terminal:
            end = self.ends.pop(0)
            state = end if isinstance(end, TextState) else TextState.SUCCEEDED
            job = self.jobs[key] = job.model_copy(update=ended(state, str(end)))
        if job.state is not TextState.SUCCEEDED:
            raise TextJobError(job.id, job.state, "refused")
        return job

    def get(self, job_id: UUID) -> TextJob:
        return next(job for job in self.jobs.values() if job.id == job_id)


def job_of(request: TextRequest, state: TextState, **options: Any) -> TextJob:
    empty: dict[str, Any] = dict.fromkeys(TextJob.model_fields)
    known = {
        "id": uuid4(),
        "state": state,
        "is_terminal": False,
        "attempt_count": 0,
        "model": request.model,
        "campaign": "default",
    }
    return TextJob.model_construct(**{**empty, **known, **options, "created_at": datetime.now(UTC)})


def ended(state: TextState, text: str) -> dict[str, Any]:
    usage = TextUsage(prompt_tokens=10, completion_tokens=2, cached_tokens=4)
    finish = "length" if text == "cut" else "stop"
    answer = TextAnswer(
        text=text, reasoning="", tool_calls=[], finish_reason=finish, model=None, provider_request_id=None, usage=usage
    )
    cost = TextPaidCost(amount=Decimal("0.5"), currency="USD", is_estimate=False, priced_on=date(2026, 2, 24))
    failure = Failure(failure_class=FailureClass.MODERATION, code="data_inspection_failed", message="refused")
    is_good = state is TextState.SUCCEEDED
    return {
        "state": state,
        "is_terminal": True,
        "answer": answer if is_good else None,
        "cost": cost,
        "failure": None if is_good else failure,
    }


def calls(server: Server, campaign: str = "autumn") -> QueuedCalls:
    return QueuedCalls(cast("Client", server), campaign)


def test_the_same_call_is_the_same_job_also_in_another_run() -> None:
    server = Server("Swan")

    first, again = calls(server).ask("prompt/01", ASK), calls(server).ask("prompt/01", ASK)

    assert first == again
    assert (first.text, len(server.jobs)) == ("Swan", 1)
    assert first.cost is not None
    assert first.usage is not None
    assert (first.cost.amount, first.usage.cached_tokens) == (Decimal("0.5"), 4)


@pytest.mark.parametrize(
    ("campaign", "name", "changes"),
    [("winter", "prompt/01", {}), ("autumn", "prompt/02", {}), ("autumn", "prompt/01", {"seed": 1})],
)
def test_another_campaign_call_or_request_is_another_job(campaign: str, name: str, changes: dict[str, Any]) -> None:
    server = Server("Swan", "Teal")
    calls(server).ask("prompt/01", ASK)

    assert calls(server, campaign).ask(name, ASK.model_copy(update=changes)).text == "Teal"


def test_a_call_that_failed_is_asked_again_by_the_next_run_only() -> None:
    server = Server(TextState.FAILED, "Swan")

    with pytest.raises(TextCallError) as refused:
        calls(server).ask("prompt/01", ASK)
    answer = calls(server).ask("prompt/01", ASK)

    assert refused.value.failure is FailureClass.MODERATION
    assert refused.value.cost is not None
    assert (answer.text, len(server.jobs)) == ("Swan", 2)


def test_a_server_that_asks_nothing_is_told_once() -> None:
    server, told = Server("Swan", "Teal"), list[str]()
    asking = QueuedCalls(cast("Client", server), "autumn", told.append)
    server.slow_waits = 1
    asking.ask("prompt/01", ASK)
    server.slow_waits = 1

    assert asking.ask("prompt/02", ASK).text == "Teal"

    assert len(told) == 1
    assert "workers doctor" in told[0]


def test_an_answer_that_was_cut_is_none() -> None:
    assert calls(Server("cut")).ask("prompt/01", ASK).text == ""
