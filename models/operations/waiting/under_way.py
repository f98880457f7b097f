"""What a job that was admitted waits for, in words, from its rows: submit, provider, poll, archive or a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from models.attempt import Attempt
from models.operations.waiting.words import OPERATOR, Said, about, moment
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.slot import Slot
from models.submit_lane import SubmitLane
from reelqueue.states import AttemptState, RenderState, TaskStatus

_OVERDUE_SECONDS: Final = 60.0
"""A step that was due so long ago was taken by no worker."""


@dataclass(frozen=True, kw_only=True)
class UnderWay:
    """A job that was admitted, with the rows of its present step."""

    job: RenderJob
    now: datetime
    is_operator: bool = False
    """For whom the words are."""
    slot: Slot | None = None
    lane: SubmitLane | None = None
    """Of its account and model."""
    attempt: Attempt | None = None
    """Its newest."""
    task: ProviderTask | None = None
    """Its newest."""
    refusal: str | None = None
    """What the archive said last about its file."""


def say_under_way(facts: UnderWay) -> Said:
    """What a job that is not queued waits for; of one that has ended, how."""
    return _WORDS.get(facts.job.state, _ended)(facts)


def _in(facts: UnderWay, at: datetime | None, worker: str) -> str:
    """When a step is due; one that is overdue names the worker that is missing."""
    if at is None:
        return "at no set time"
    seconds = (at - facts.now).total_seconds()
    if seconds > 0:
        return f"in {about(seconds)}"
    if seconds > -_OVERDUE_SECONDS:
        return "now"
    return f"since {about(-seconds)} (no {worker} worker took it)"


def _to_operator(facts: UnderWay, command: str) -> str:
    return command if facts.is_operator else OPERATOR


def _admitted(facts: UnderWay) -> Said:
    lane, slot = facts.lane, facts.slot
    if lane is not None and lane.throttled_until is not None and lane.throttled_until > facts.now:
        until = lane.throttled_until
        what = f"it has a slot; {facts.job.model}'s submit lane backs off until {moment(until)}"
        return Said(f"{what} ({_in(facts, until, 'submit')})", until=until)
    if lane is not None and lane.posting_until is not None and lane.posting_until > facts.now:
        return Said("it has a slot, and another job's submit is under way: one at a time", until=lane.posting_until)
    due = None if slot is None else slot.submit_at
    return Said(f"it has a slot, and is submitted {_in(facts, due, 'submit')}, at the pace of its model", until=due)


def _submitting(facts: UnderWay) -> Said:
    attempt = facts.attempt
    if attempt is None or attempt.state is AttemptState.INTENT:
        return Said("it is about to be sent to the provider", until=None if attempt is None else attempt.send_by)
    if attempt.state is AttemptState.SENT:
        return Said("it was sent, and the provider has not answered yet", until=attempt.answer_by)
    look = _in(facts, attempt.reconcile_at, "control")
    what = f"its submit was not answered; the provider's list, read {attempt.listing_count} times, is read again {look}"
    return Said(f"{what}, and decides whether a task exists", until=attempt.reconcile_at)


def _rendering(facts: UnderWay) -> Said:
    job, task = facts.job, facts.task
    status = task.status if task is not None else job.provider_status
    where = "in the provider's own queue" if status == TaskStatus.PENDING else f"at the provider ({status})"
    for_how_long = "" if job.submitted_at is None else f" for {about((facts.now - job.submitted_at).total_seconds())}"
    asked = f"asked {job.poll_count} times, next {_in(facts, job.next_poll_at, 'poll')}"
    end = "" if job.poll_deadline_at is None else f"; times out {_in(facts, job.poll_deadline_at, 'poll')}"
    return Said(f"{where}{for_how_long}; {asked}{end}", until=job.next_poll_at)


def _cancelling(facts: UnderWay) -> Said:
    said = _rendering(facts)
    return Said(f"its cancellation was sent; {said.reason}", until=said.until)


def _archiving(facts: UnderWay) -> Said:
    job, task = facts.job, facts.task
    gone_at = None if task is None else task.result_expires_at
    gone = "" if gone_at is None else f"; the result is gone {_in(facts, gone_at, 'archive')}"
    if job.lease_until is not None and job.lease_until > facts.now:
        return Said(f"a worker fetches its video{gone}", until=job.lease_until)
    tries = f"{job.archive_count} tries so far, the next {_in(facts, job.next_archive_at, 'archive')}"
    if facts.refusal is None:
        return Said(f"its video is rendered and not archived yet: {tries}{gone}", until=job.next_archive_at)
    said = f" ({facts.refusal})" if facts.is_operator else ""
    remedy = _to_operator(facts, "python -m workers doctor")
    return Said(f"the archive takes no file now{said}: {tries}{gone}", remedy, is_blocking=True,
                until=job.next_archive_at)  # fmt: skip


def _in_review(facts: UnderWay) -> Said:
    job = facts.job
    why = job.failure_message or "a paid task of it may exist, and could be neither proved nor ruled out"
    remedy = _to_operator(facts, "python -m workers review list")
    return Said(f"an operator decides: {why}", remedy, is_blocking=True)


def _ended(facts: UnderWay) -> Said:
    job = facts.job
    at = "" if job.finished_at is None else f" at {moment(job.finished_at)}"
    code = f" ({job.failure_code})" if job.failure_code else ""
    why = f": {job.failure_message}{code}" if job.failure_message else ""
    return Said(f"nothing: it has {'' if job.state is RenderState.SUCCEEDED else 'ended as '}{job.state}{at}{why}")


_WORDS: Final[Mapping[RenderState, Callable[[UnderWay], Said]]] = {
    RenderState.ADMITTED: _admitted,
    RenderState.SUBMITTING: _submitting,
    RenderState.RENDERING: _rendering,
    RenderState.CANCELLING: _cancelling,
    RenderState.ARCHIVING: _archiving,
    RenderState.NEEDS_REVIEW: _in_review,
}
