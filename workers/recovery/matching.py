"""Which waiting job made a listed task that neither database nor journal knows: pure decisions, no input or output.

====================================  ==============================================================
a listed task                         then
====================================  ==============================================================
echoes the prompt of waiting jobs     the first one's, if they ask for the very same; else unclear
echoes a prompt that no job has       foreign
has ended and echoes nothing          the first job's of its model, if all of them ask for the very same; else unclear
still renders, or cannot be asked     waits: it echoes its prompt when it has succeeded
====================================  ==============================================================

Where several jobs have one prompt, length and resolution of the result leave out those that asked for others. Jobs
that ask for the very same are interchangeable: each pays for one task. What is unclear is for an operator.

A job that was enqueued after the backup is gone, and its task may echo the prompt of a job that waits and asked for
another seed or picture. So a task is given to a job only when every other one that may be the job's is known: from a
whole list, read when no forgotten POST can be under way any more, in which each of them has ended. Where there are
then more tasks than jobs that can have made them, all of these are unclear.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from reelqueue.states import TaskStatus
from workers.dashscope import ListedTask, TaskAnswer
from workers.reconciliation.result_fit import Asked, is_result_of

_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job that may have made a task before the database forgot it."""

    job_id: UUID
    model: str
    request: str
    """Equal for jobs that ask for the very same in one campaign."""
    prompt: str | None
    """How it begins, for operators."""
    duration: int | None
    resolution: str | None
    created_at: datetime
    can_take: bool
    """Whether it waits for its submit. One that is at the provider may also come back to the queue."""
    echoes: frozenset[str] = frozenset()
    """What listed tasks echo and is its prompt."""


@dataclass(frozen=True)
class Found:
    """A listed task that the database does not know."""

    task: ListedTask
    base_url: str
    answer: TaskAnswer | None
    """What it says of itself; None: it could not be asked, or needs not to be."""
    is_put_off: bool = False
    """Whether more tasks than are asked about at once come before it: it is asked about when those are settled."""

    @property
    def has_succeeded(self) -> bool:
        """Whether it will say no more than it does now."""
        return self.answer is not None and self.answer.status == TaskStatus.SUCCEEDED


@dataclass(frozen=True)
class UnclearTask:
    """A task that an operator has to give to a job, or to rule out."""

    found: Found
    candidates: list[Candidate]
    """The first of them."""
    count: int
    models: frozenset[str]
    """Of all of them."""


@dataclass
class Matching:
    """What becomes of each task."""

    bound: list[tuple[Found, Candidate]] = field(default_factory=list)
    waiting: list[Found] = field(default_factory=list)
    """They tell more later, or the jobs that they may belong to do."""
    unclear: list[UnclearTask] = field(default_factory=list)
    foreign: list[Found] = field(default_factory=list)


def match_tasks(
    found: Iterable[Found], candidates: Sequence[Candidate], *, clock_skew: timedelta, is_complete: bool
) -> Matching:
    """Give tasks to the jobs that made them.

    Args:
        found: Unknown tasks that cost something.
        candidates: In the order in which they would be submitted.
        clock_skew: How far the provider's clock may be behind the database's.
        is_complete: Whether *found* are all that forgotten POSTs have made.
    """
    matching, taken, doubts = Matching(), dict[UUID, Found](), _Doubts()
    by_echo = defaultdict[str, list[Candidate]](list)
    for job in candidates:
        for echo in job.echoes:
            by_echo[echo].append(job)
    for one in sorted(found, key=_order):
        said = _echo(one)
        alike = _makers(candidates if said is None else by_echo.get(said, []), one, clock_skew)
        fitting = _fitting(alike, one.answer)
        possible = [job for job in fitting or alike if job.job_id not in taken]
        # What an equally sure task has taken first may as well be this one's.
        shared = [] if possible else [job for job in fitting if _is_silent(taken[job.job_id]) == _is_silent(one)]
        if shared:
            doubts.surplus |= {(job.request, _is_silent(one)) for job in shared}
            matching.unclear.append(_unclear(one, shared))
        elif (taker := _judge(matching, one, possible, is_sure=bool(fitting))) is not None:
            matching.bound.append((one, taker))
            taken[taker.job_id] = one
        elif possible and not one.is_put_off:
            doubts.open |= {job.request for job in possible}
    _take_back(matching, doubts, candidates, is_complete=is_complete)
    return matching


@dataclass
class _Doubts:
    """Requests whose jobs may have made another task than the one that they were given."""

    surplus: set[tuple[str, bool]] = field(default_factory=set)
    """There are more tasks than jobs; and whether the tasks echo nothing."""
    open: set[str] = field(default_factory=set)
    """Another task that is still open may be theirs."""


def _take_back(matching: Matching, doubts: _Doubts, candidates: Sequence[Candidate], *, is_complete: bool) -> None:
    """Leave open what was given to a job although another task may be the one that it made."""
    given, matching.bound = matching.bound, []
    for one, job in given:
        if (job.request, _is_silent(one)) in doubts.surplus:
            equal = [other for other in candidates if other.request == job.request and other.can_take]
            matching.unclear.append(_unclear(one, equal))
        elif job.request in doubts.open or not is_complete:
            matching.waiting.append(one)
        else:
            matching.bound.append((one, job))


def _is_silent(found: Found) -> bool:
    return _echo(found) is None


def _order(found: Found) -> tuple[bool, bool, datetime, str]:
    """What waits whatever the others get comes first, then what is surest; then by age."""
    made_at = found.task.created_at or datetime.max.replace(tzinfo=UTC)
    return found.has_succeeded, _is_silent(found), made_at, found.task.provider_task_id


def _judge(matching: Matching, found: Found, possible: list[Candidate], *, is_sure: bool) -> Candidate | None:
    """The job that gets the task; where there is none, the task is put where it belongs."""
    taker = next((one for one in possible if one.can_take), None)
    if not possible:
        matching.foreign.append(found)
    elif not found.has_succeeded or taker is None:
        matching.waiting.append(found)
    elif is_sure and all(one.request == taker.request for one in possible):
        return taker
    elif all(one.can_take for one in possible):
        matching.unclear.append(_unclear(found, possible))
    else:
        matching.waiting.append(found)
    return None


def _unclear(found: Found, jobs: list[Candidate]) -> UnclearTask:
    return UnclearTask(found, jobs[:_SHOWN], len(jobs), frozenset(one.model for one in jobs))


def _makers(jobs: Sequence[Candidate], found: Found, clock_skew: timedelta) -> list[Candidate]:
    """Those of jobs with the right prompt that can have made a task by model and age."""
    task = found.task
    of_model = jobs if task.model is None else [job for job in jobs if job.model == task.model]
    if task.created_at is None:
        return list(of_model)
    enqueued_by = task.created_at + clock_skew
    return [job for job in of_model if job.created_at <= enqueued_by]


def _echo(found: Found) -> str | None:
    return found.answer.orig_prompt if found.answer else None


def _fitting(jobs: list[Candidate], answer: TaskAnswer | None) -> list[Candidate]:
    """The jobs that asked for the length and the resolution that the result has, as far as both are known."""
    if answer is None or not answer.usage:
        return jobs
    wanted = {(job.duration, job.resolution) for job in jobs}
    fitting = {one for one in wanted if is_result_of(Asked(*one), answer)}
    return jobs if fitting == wanted else [job for job in jobs if (job.duration, job.resolution) in fitting]
