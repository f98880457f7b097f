"""What an answer about a provider task means for its render job: pure decisions, no input or output.

===========================  ====================================================================
answer                       then
===========================  ====================================================================
PENDING, RUNNING             ask again after the job's interval, or at its model's pace, until the deadline
SUCCEEDED with a URL         fetch the result; without usage it is written off, and only usage is asked for,
                             for an hour
SUCCEEDED without            over: its slot is free, and it is settled, or written off until its seconds are
                             known; ask again for the URL, until the deadline, and by the slow watch
FAILED                       end as ``failed``, or ``moderated``, by the code's class; or back to the
                             queue, twice at most, where the provider or its load is at fault, or the
                             account, which is paused (not billed)
CANCELED                     end as ``cancelled``
UNKNOWN                      ask again; ``lost`` after several in a row and some minutes after the submit,
                             if a whole task list misses the task as well
an echo of another prompt    the task is another submit's, whose answer was lost: it is given up, and the
                             job goes to review, where its own task is proposed
any other word, an error     not final: it says nothing about the task; a URL beside the word is fetched
                             at the deadline
not final at the deadline    ``timed_out``; the slow watch goes on, because the task is billed
===========================  ====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Self
from uuid import UUID

from models.operations.scheduling.poll_intervals import Pace, Spacing
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.backoff import Backoff
from reelqueue.states import COLLECTABLE, TERMINAL, FailureClass, RenderState, TaskStatus
from workers.dashscope import ProviderError, RefusedError, TaskAnswer
from workers.dashscope.error_codes import rule_of

_GOING_ON: Final = frozenset({TaskStatus.PENDING, TaskStatus.RUNNING})
WAITS_FOR_URL: Final = frozenset({RenderState.RENDERING, RenderState.CANCELLING})
"""States of a job whose poll decides about its result."""
USAGE_WITHIN: Final = timedelta(hours=1)
"""How long a task that has succeeded is asked for its usage, from the first answer that lacked it."""


@dataclass(frozen=True)
class DuePoll:
    """A job whose poll is due, as its row said when the batch began."""

    job_id: UUID
    task_row_id: UUID
    provider_task_id: str
    base_url: str
    state: RenderState
    model: str
    provider_status: str | None
    started_at: datetime | None
    """When its task got a slot at the provider, as that says."""
    poll_count: int
    unknown_count: int
    submitted_at: datetime
    poll_at: datetime
    deadline_at: datetime
    watch_until: datetime
    spacing: Spacing
    on_timeout: str
    abandon_running: bool
    fault_count: int
    prompt: str | None = None
    """What its task must echo; None: nothing."""
    has_slot: bool = True
    """Whether its task was not over yet, as far as is known: once it is, the slot is free and the task is paid."""
    is_settled: bool = False
    """Whether an earlier answer had its task settled."""
    usage_until: datetime | None = None
    """So long it is asked for its usage, since an answer called it SUCCEEDED without; None: none did."""
    lacks_only_usage: bool = False
    """Whether its task has succeeded and its result is fetched apart, or not wanted: only its bill is missing."""

    @classmethod
    def of(
        cls,
        job: RenderJob,
        task: ProviderTask,
        *,
        watch: timedelta,
        spacing: Spacing,
        has_slot: bool = True,
        is_settled: bool = False,
    ) -> Self:
        """From the rows of a job that was submitted."""
        if job.next_poll_at is None or job.poll_deadline_at is None:
            raise ValueError(f"render job {job.id} has no poll due")
        return cls(
            job_id=job.id,
            task_row_id=task.id,
            provider_task_id=task.provider_task_id,
            base_url=task.base_url,
            state=job.state,
            model=job.model,
            provider_status=job.provider_status,
            started_at=task.started_at,
            poll_count=job.poll_count,
            unknown_count=job.unknown_count,
            submitted_at=task.submitted_at,
            poll_at=job.next_poll_at,
            deadline_at=job.poll_deadline_at,
            watch_until=task.submitted_at + watch,
            spacing=spacing,
            on_timeout=job.on_timeout,
            abandon_running=job.abandon_running,
            fault_count=job.fault_count,
            prompt=job.prompt,
            has_slot=has_slot,
            is_settled=is_settled,
            usage_until=task.usage_until,
            lacks_only_usage=(
                job.state not in WAITS_FOR_URL
                and task.status == TaskStatus.SUCCEEDED
                and (task.result_url is not None or job.state not in COLLECTABLE)
                and not has_slot
            ),
        )

    @property
    def is_watched(self) -> bool:
        """Whether the job has its end, and is polled only for its bill or a late result."""
        return self.state in TERMINAL

    @property
    def is_wanted(self) -> bool:
        """Whether its result is still to be fetched."""
        return self.state is not RenderState.CANCELLED and not (self.is_watched and self.on_timeout == "abandon")

    def wants_cancel(self, now: datetime) -> bool:
        """Whether the provider should be asked to stop it before it is asked about it."""
        may_be_queued = self.provider_status in {None, TaskStatus.PENDING}
        by_person = self.state is RenderState.CANCELLING
        by_deadline = not self.is_watched and self.on_timeout == "cancel" and now >= self.deadline_at
        return may_be_queued and (by_person or by_deadline)


@dataclass(frozen=True)
class Outcome:
    """What becomes of a job after a poll."""

    to_state: RenderState | None = None
    """The move to make, or None to stay."""
    next_poll_at: datetime | None = None
    """When it is asked about next; None: never."""
    fetch: bool = False
    """Whether the result is to be fetched."""
    unknown_count: int = 0
    failure_class: FailureClass | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    alarm: str | None = None
    """What a person should know, quoting what was seen."""
    again_at: datetime | None = None
    """When it may be submitted again, where the provider itself was at fault."""
    pause: str | None = None
    """Why nothing more may be submitted to the account until a person has looked."""
    is_over: bool = False
    """Whether the provider calls its task ended, though more will be asked about it."""
    takes_task_away: bool = False
    """Whether the task is another attempt's, so that nothing about it is this job's."""

    @property
    def ends_task(self) -> bool:
        """Whether the provider's task is over, or nothing more will be asked about it, so that its slot is free."""
        return self.is_over or self.next_poll_at is None


@dataclass(frozen=True)
class PollRules:
    """The settings that decisions depend on."""

    late_interval: timedelta
    unknown_limit: int
    unknown_age: timedelta
    """A task is not given up sooner after its submit, however often it is UNKNOWN."""
    fault_limit: int
    fault_backoff: Backoff


def decide_poll(
    due: DuePoll,
    answer: TaskAnswer | ProviderError,
    now: datetime,
    rules: PollRules,
    *,
    is_missing: bool = False,
    is_misnamed: bool = False,
) -> Outcome:
    """What an answer means for a job.

    Args:
        due: The job, as its row said when the batch began.
        answer: What the provider said, or why it said nothing.
        now: When it was asked. Not when the answer came: the last poll must be made at the deadline,
            not before it.
        rules: The settings that matter.
        is_missing: Whether a whole task list misses its task; to be asked for where :func:`is_denied`.
        is_misnamed: Whether its submit was answered with another submit's task, as the task's echo shows.
    """
    if due.lacks_only_usage:
        pause = _blocked(answer) if isinstance(answer, ProviderError) else None
        return Outcome(next_poll_at=None if measured(answer) else _next_for_usage(due, now, rules), pause=pause)
    if isinstance(answer, ProviderError):
        return replace(_go_on(due, now, rules, unknown_count=due.unknown_count), pause=_blocked(answer))
    if is_misnamed:
        return _misnamed(due)
    # What is said at the deadline quotes this word.
    due = replace(due, provider_status=answer.status, started_at=answer.started_at or due.started_at)
    return _by_status(due, answer, now, rules, is_missing=is_missing)


def _by_status(due: DuePoll, answer: TaskAnswer, now: datetime, rules: PollRules, *, is_missing: bool) -> Outcome:
    match answer.status:
        case TaskStatus.SUCCEEDED if answer.result_url:
            next_poll_at = None if due.is_settled or measured(answer) else _next_for_usage(due, now, rules)
            to_state = None if due.is_watched else RenderState.ARCHIVING
            return Outcome(to_state, next_poll_at=next_poll_at, fetch=due.is_wanted, is_over=True)
        case TaskStatus.SUCCEEDED:
            return replace(_go_on(due, now, rules, alarm="SUCCEEDED without the URL of a result"), is_over=True)
        case TaskStatus.FAILED:
            return _failed(due, answer, now, rules)
        case TaskStatus.CANCELED:
            return _cancelled(due, now)
        case TaskStatus.UNKNOWN:
            return _unknown(due, now, rules, is_missing=is_missing)
        case TaskStatus.RUNNING if due.state is RenderState.CANCELLING and due.abandon_running:
            abandoned = "left rendering at the provider, which bills it; its result is not collected"
            # Watched on: it occupies a slot until it has ended, and only then its bill is known.
            return Outcome(RenderState.CANCELLED, next_poll_at=now + rules.late_interval, failure_message=abandoned)
        case status if status in _GOING_ON:
            return _go_on(due, now, rules)
        case status:
            outcome = _go_on(due, now, rules, alarm=f"unknown task status {status[:64]!r}")
            is_late = due.is_watched or outcome.to_state is RenderState.TIMED_OUT
            # What has a result is taken for ended: it is unknown when it will say so, and the URL expires.
            return (
                replace(outcome, next_poll_at=None, fetch=due.is_wanted) if is_late and answer.result_url else outcome
            )


def _misnamed(due: DuePoll) -> Outcome:
    seen = (
        f"the provider named task {due.provider_task_id} in answer to its submit, and that task echoes another prompt: "
        "it is another submit's, and this job's own task is in the provider's list"
    )
    said = Outcome(failure_class=FailureClass.UNKNOWN, failure_message=seen, alarm=seen)
    if due.is_watched:
        return replace(said, takes_task_away=due.has_slot)
    if not due.has_slot:  # it was settled before it told anything, and what is entered stays
        return replace(said, to_state=RenderState.FAILED)
    review = f"{seen}; python -m workers review list proposes it within the hour"
    return replace(said, to_state=RenderState.NEEDS_REVIEW, failure_message=review, takes_task_away=True)


def measured(answer: TaskAnswer | ProviderError) -> TaskAnswer | None:
    """An answer that says what a task that succeeded is billed for; None for any other."""
    is_bill = isinstance(answer, TaskAnswer) and answer.status == TaskStatus.SUCCEEDED and answer.billed_seconds
    return answer if isinstance(answer, TaskAnswer) and is_bill else None


def _next_for_usage(due: DuePoll, now: datetime, rules: PollRules) -> datetime | None:
    next_poll_at = now + rules.late_interval
    return next_poll_at if next_poll_at <= (due.usage_until or now + USAGE_WITHIN) else None


def _blocked(error: ProviderError) -> str | None:
    """Why the account's queries are refused, if it is the account's fault, so that submits would be refused too."""
    is_its_fault = isinstance(error, RefusedError) and error.failure_class is FailureClass.ACCOUNT
    return error.summary if is_its_fault and error.rule.blocks_account else None


def _go_on(
    due: DuePoll, now: datetime, rules: PollRules, *, unknown_count: int = 0, alarm: str | None = None
) -> Outcome:
    if due.is_watched:
        next_poll_at = now + rules.late_interval
        return Outcome(next_poll_at=next_poll_at if next_poll_at <= due.watch_until else None,
                       unknown_count=unknown_count, alarm=alarm)  # fmt: skip
    if now >= due.deadline_at:
        return _timed_out(due, now, rules, unknown_count=unknown_count, alarm=alarm)
    return Outcome(next_poll_at=next_tick(due, now), unknown_count=unknown_count, alarm=alarm)


def next_tick(due: DuePoll, now: datetime) -> datetime:
    """When to ask again: by the pace of its model, or at its own interval, and at the deadline at the latest.

    An interval is counted from when the poll was due and not from when it ran, so that lateness never adds up.
    """
    if isinstance(due.spacing, Pace):
        is_waiting = due.provider_status == TaskStatus.PENDING
        return min(due.spacing.next_poll_at(now, is_waiting=is_waiting, started_at=due.started_at), due.deadline_at)
    behind = (now - due.poll_at) // due.spacing
    return min(due.poll_at + due.spacing * (max(behind, 0) + 1), due.deadline_at)


def _timed_out(due: DuePoll, now: datetime, rules: PollRules, *, unknown_count: int, alarm: str | None) -> Outcome:
    seen = f"the provider's last word on task {due.provider_task_id} was {due.provider_status or 'none'}"
    if due.provider_status == TaskStatus.SUCCEEDED:
        message = f"rendered and billed, but its deadline came without the URL of a result; {seen}"
    else:
        message = f"not finished at its deadline; {seen}"
    return Outcome(
        RenderState.TIMED_OUT,
        next_poll_at=now + rules.late_interval,
        unknown_count=unknown_count,
        failure_message=message,
        alarm=alarm,
    )


def _failed(due: DuePoll, answer: TaskAnswer, now: datetime, rules: PollRules) -> Outcome:
    rule = rule_of(answer.code, answer.message)
    if due.is_watched:
        return Outcome()
    blocks_account = rule.failure_class is FailureClass.ACCOUNT and rule.blocks_account
    said = Outcome(
        RenderState.MODERATED if rule.failure_class is FailureClass.MODERATION else RenderState.FAILED,
        failure_class=rule.failure_class,
        failure_code=answer.code,
        failure_message=answer.message or "the provider gave no reason",
        pause=f"a task failed with {answer.code}" if blocks_account else None,
    )
    may_retry = due.state is RenderState.RENDERING and due.has_slot and due.fault_count < rules.fault_limit
    if may_retry and (rule.may_pass or blocks_account):
        # The failed task is not billed, unless it had been called SUCCEEDED before, and a new one may work.
        again_at = now + timedelta(seconds=rules.fault_backoff.delay(due.fault_count + 1))
        return replace(said, to_state=RenderState.QUEUED, again_at=again_at)
    return said


def _cancelled(due: DuePoll, now: datetime) -> Outcome:
    if due.is_watched:
        return Outcome()
    if due.state is RenderState.RENDERING and due.on_timeout == "cancel" and now >= due.deadline_at:
        stopped = "not finished at its deadline; the provider cancelled it before it began, so nothing is billed"
        return Outcome(RenderState.TIMED_OUT, failure_message=stopped)
    return Outcome(RenderState.CANCELLED)


def is_denied(due: DuePoll, answer: TaskAnswer | ProviderError, now: datetime, rules: PollRules) -> bool:
    """Whether the provider has denied a task for so long that its list decides."""
    is_unknown = isinstance(answer, TaskAnswer) and answer.status == TaskStatus.UNKNOWN and not due.lacks_only_usage
    return is_unknown and due.unknown_count + 1 >= rules.unknown_limit and now >= due.submitted_at + rules.unknown_age


def _unknown(due: DuePoll, now: datetime, rules: PollRules, *, is_missing: bool) -> Outcome:
    count = due.unknown_count + 1
    if not is_missing:
        return _go_on(due, now, rules, unknown_count=count)
    if due.is_watched:
        return Outcome(unknown_count=count)
    message = (
        f"the provider answered UNKNOWN {count} times in a row for task {due.provider_task_id} at {due.base_url}, "
        "and its task list misses it"
    )
    return Outcome(RenderState.LOST, unknown_count=count, failure_class=FailureClass.RESULT, failure_message=message)
