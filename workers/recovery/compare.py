"""Comparing task list and journal with a database that may have gone back in time, and opening its gate.

A listed task that the database does not know may be a waiting job's, submitted and then forgotten, if

* it costs something: it has neither failed nor been cancelled;
* it is younger than what the record is known to be whole until (`known_until`), by any clock;
* it is not made later, by any clock, than a POST of before the gate was closed can have made it;
* a job of its model waits that is not younger, and whose prompt it does not contradict.

Such a task is given to its job, once every other that may be the job's is known. While any is open, no job of its
model is submitted to any account; what is neither ours nor undecided is another program's, and holds nothing.

What the journal of submits knows (:mod:`workers.recovery.forgotten`) needs no list: a job that it has a task for
follows that task, however old it is, and one that left without an answer and is not in the list either waits for an
operator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.operations.scheduling.submit_gates import (
    ANY_MODEL,
    STALE_AFTER,
    Cause,
    database_identity,
    ensure_gate,
    must_close,
    open_gate,
)
from models.provider_task import ProviderTask
from models.submit_gate import SubmitGate
from reelqueue.errors import ConfigurationError
from reelqueue.states import UNBILLED, TaskStatus
from workers.dashscope import DashScope, ProviderError, TaskAnswer
from workers.dashscope.limits import LONGEST_WINDOW
from workers.reconciliation.task_list import Located, hosts_of, list_account, listed_window
from workers.reconciliation.unresolved_attempts import unresolved_attempts
from workers.recovery.bind import bind_found, bind_journaled, review_journaled
from workers.recovery.candidates import candidates_for, has_candidates
from workers.recovery.forgotten import ForgottenSubmits, read_forgotten
from workers.recovery.matching import Candidate, Found, Matching, match_tasks
from workers.runtime.context import Context
from workers.runtime.provider_clock import ClockRange, clock_range
from workers.settings import Settings
from workers.submission.known_tasks import is_stored

log = structlog.get_logger(__name__)

_ASKED_AT_ONCE: Final = 200
_AGAIN: Final = timedelta(seconds=10)
_UNREADABLE_FOR: Final = timedelta(seconds=60)
"""After a restart, a list that cannot be read holds an account up for this long."""
_OPERATOR: Final = "python -m workers recover"


@dataclass(frozen=True)
class ListComparison:
    """Result of comparing an account's task list with the database."""

    matching: Matching
    forgotten: ForgottenSubmits = field(default_factory=ForgottenSubmits)
    """By the journal."""
    listed_count: int = 0
    problem: str | None = None
    """Why the list could not be read, or may miss tasks."""
    is_settled: bool = False
    """Whether it shows all that forgotten POSTs have made."""


def compare_account(context: Context, account: Account) -> ListComparison:
    """Compare an account whose gate is not fully open, and open as much of it as can be.

    Args:
        context: The outside world.
        account: Whose list.

    Returns:
        What was seen, for operators.
    """
    with context.sessions.begin() as session:
        gate = ensure_gate(session, account.id)
        now = context.clock.now(session)
        if not has_candidates(session) and not must_close(gate, database_identity(session), now):
            open_gate(gate, now)  # there is nothing that could be submitted again
            return ListComparison(Matching())
    forgotten = read_forgotten(context, account, gate)
    if forgotten.are_any:
        gate = _follow_journaled(context, account)
        forgotten = read_forgotten(context, account, gate)
    comparison = compare_list(context, account, gate, forgotten)
    for found, candidate in comparison.matching.bound:
        if not bind_found(context, account, candidate.job_id, found):
            # Its job was cancelled meanwhile, or got another task: perhaps it is an equal job's.
            comparison.matching.waiting.append(found)
    if forgotten.are_any:
        _review_unlisted(context, account, comparison)
        comparison = replace(comparison, forgotten=read_forgotten(context, account, gate))
    with context.sessions.begin() as session:
        present = ensure_gate(session, account.id)
        if present.closed_at == gate.closed_at:  # else it was closed again meanwhile: what was seen is of before
            _conclude(context, session, present, comparison)
    return comparison


def _follow_journaled(context: Context, account: Account) -> SubmitGate:
    """Give each waiting job the task that the journal has for it, once no forgotten POST can be under way.

    Returns:
        The account's gate: what is in the journal and not in the database has shown that this went back in time.
    """
    with context.sessions.begin() as session:
        gate = ensure_gate(session, account.id)
        gate.cause = Cause.RESTORED
        if not _is_settled(context.settings, gate, context.clock.now(session)):
            return gate
    for submit in read_forgotten(context, account, gate).waiting:
        task_id = submit.provider_task_id
        if task_id is not None and not bind_journaled(context, account, submit, task_id):
            reason = f"by the journal of submits it has made task {task_id}, which another job follows"
            review_journaled(context, account, submit, reason)
    return gate


def _review_unlisted(context: Context, account: Account, comparison: ListComparison) -> None:
    """Leave to an operator what was submitted without an answer, and is not in a whole list."""
    if comparison.problem is not None or not comparison.is_settled:
        return
    held = _held(replace(comparison, forgotten=replace(comparison.forgotten, waiting=[])))
    for submit in comparison.forgotten.waiting:
        if submit.provider_task_id is None and not held.keys() & {submit.model, ANY_MODEL}:
            sent_at = f"{submit.claimed_at:%Y-%m-%d %H:%M:%S} UTC"
            reason = f"it was submitted at {sent_at}, by the journal of submits; this database was restored since"
            review_journaled(context, account, submit, reason)


def compare_list(
    context: Context, account: Account, gate: SubmitGate, forgotten: ForgottenSubmits | None = None
) -> ListComparison:
    """Compare an account's task list and the journal with the database, and change nothing.

    Args:
        context: The outside world.
        account: Whose list.
        gate: The account's.
        forgotten: What the journal was read to have; None: it is read.
    """
    forgotten = forgotten or read_forgotten(context, account, gate)
    with context.sessions() as session:
        now = context.clock.now(session)
        clocks = clock_range(session, account.id, context.settings.reconcile)
        since, until = listed_window(now, _window(gate, clocks, now), clocks)
        hosts = hosts_of(session, account, since=now - LONGEST_WINDOW)
    try:
        listed = list_account(context, account, hosts, since=since, until=until)
    except (ProviderError, ConfigurationError) as error:
        said = error.summary if isinstance(error, ProviderError) else str(error)
        return ListComparison(Matching(), forgotten, problem=f"the provider's task list cannot be read: {said}")
    last = _last_made(context.settings, gate, clocks)
    unknown = [
        one
        for one in _unknown(context, gate, listed.tasks, since)
        if _is_by(one, last) and one.task.provider_task_id not in forgotten.task_ids
    ]
    found = [_found(context, account, one, number) for number, one in enumerate(unknown)]
    billed = [one for one in found if one.answer is None or one.answer.status not in UNBILLED]
    skew = clocks.allowance - clocks.low
    is_settled = _is_settled(context.settings, gate, now)
    is_complete = listed.flaw is None and is_settled
    matching = match_tasks(billed, _candidates(context, billed), clock_skew=skew, is_complete=is_complete)
    flaw = listed.flaw and f"the provider's task list is not whole: {listed.flaw}"
    return ListComparison(matching, forgotten, len(listed.tasks), flaw, is_settled=is_settled)


def _window(gate: SubmitGate, clocks: ClockRange, now: datetime) -> timedelta:
    """How far back a task can be unknown."""
    if gate.known_until is None:
        return LONGEST_WINDOW
    return now - min(gate.known_until, now) + clocks.allowance


def _last_made(settings: Settings, gate: SubmitGate, clocks: ClockRange) -> datetime | None:
    """Until when, by the provider's clock, a forgotten task can have been made; what is later is another program's.

    Of what the gate holds back nothing was submitted since it was closed. The database's clock may have been set
    forward since by as much as goes unnoticed.
    """
    if gate.closed_at is None:
        return None
    return gate.closed_at + _settling(settings) + STALE_AFTER + clocks.high + clocks.allowance


def _is_by(one: Located, last: datetime | None) -> bool:
    return last is None or one.task.created_at is None or one.task.created_at <= last


def _unknown(context: Context, gate: SubmitGate, listed: dict[str, Located], since: datetime) -> list[Located]:
    """The listed tasks that cost something, that no row knows, and that a job of their model may have made."""
    young = {task_id: one for task_id, one in listed.items() if _is_billed(one) and _is_since(one, since)}
    with context.sessions() as session:
        known = set(session.scalars(select(ProviderTask.provider_task_id).where(is_stored(session, young))))
        known |= set(gate.foreign_task_ids)
        unknown = [one for task_id, one in young.items() if task_id not in known]
        wanted = {one.task.model: has_candidates(session, _models([one])) for one in unknown}
        unknown = [one for one in unknown if wanted[one.task.model]]
        return unknown if gate.cause == Cause.RESTORED else _unexplained(session, unknown, context.settings)


def _is_billed(one: Located) -> bool:
    return one.task.status not in UNBILLED


def _is_since(one: Located, since: datetime) -> bool:
    return one.task.created_at is None or one.task.created_at >= since.replace(microsecond=0)


def _unexplained(session: Session, unknown: list[Located], settings: Settings) -> list[Located]:
    """Without the tasks that undecided attempts have made, one each: those are for reconciliation.

    Only after a restart: in a restored database the tasks around an old attempt may be those of forgotten ones.
    """
    doubts = unresolved_attempts(session, settings.reconcile)
    left: list[Located] = []
    for one in unknown:
        maker = next((doubt for doubt in doubts if doubt.covers(one)), None)
        if maker is None:
            left.append(one)
        else:
            doubts.remove(maker)
    return left


def _found(context: Context, account: Account, one: Located, number: int) -> Found:
    # Of a task that runs nothing is known but that; and the rest is asked about the next time.
    has_ended = one.task.status == TaskStatus.SUCCEEDED
    is_asked = has_ended and number < _ASKED_AT_ONCE
    answer = ask_about(context, account, one) if is_asked else None
    return Found(one.task, one.base_url, answer, is_put_off=has_ended and not is_asked)


def ask_about(context: Context, account: Account, one: Located) -> TaskAnswer | None:
    """What the provider says of a listed task; None if it says nothing now."""

    async def get() -> TaskAnswer:
        async with context.provider(account, base_url=one.base_url) as provider:
            return await _get(provider, one)

    try:
        return context.host.run(get())
    except (ProviderError, ConfigurationError) as error:
        log.warning("recovery.no_answer", account=account.name, provider_task_id=one.task.provider_task_id,
                    error=str(error))  # fmt: skip
        return None


async def _get(provider: DashScope, one: Located) -> TaskAnswer:
    return await provider.get(one.task.provider_task_id)


def _candidates(context: Context, found: Sequence[Found]) -> list[Candidate]:
    if not found:
        return []
    echoes = {one.answer.orig_prompt for one in found if one.answer and one.answer.orig_prompt is not None}
    return candidates_for(context.sessions, _models(found), echoes, silent=any(_is_silent(one) for one in found))


def _is_silent(found: Found) -> bool:
    return found.answer is None or found.answer.orig_prompt is None


def _models(found: Iterable[Found | Located]) -> set[str] | None:
    """Of some tasks; None if the list does not say it of one."""
    models = {one.task.model for one in found}
    return None if None in models else {model for model in models if model is not None}


def _conclude(context: Context, session: Session, gate: SubmitGate, comparison: ListComparison) -> None:
    """Open the gate, or say what it waits for."""
    now = context.clock.now(session)
    if must_close(gate, database_identity(session), now):
        return  # the database is another one by now: compared again from the start
    matching = comparison.matching
    gate.foreign_task_ids = sorted({*gate.foreign_task_ids, *(one.task.provider_task_id for one in matching.foreign)})
    if gate.is_open and comparison.problem is not None:
        gate.check_at = now + _AGAIN  # what it holds is held until the list can be read
        return
    if gate.known_until is None and (matching.bound or matching.waiting or matching.unclear):
        gate.cause = Cause.RESTORED  # a backup of before the account's first submit: more may be on its way
    reason = _why_closed(context.settings, gate, comparison, now)
    if reason is not None:
        gate.is_open, gate.reason, gate.check_at = False, reason, now + _AGAIN
        log.warning("submit_gate.closed", account_id=str(gate.account_id), reason=reason)
        return
    if matching.bound or gate.cause == Cause.RESTORED:
        log.info("submit_gate.compared", account_id=str(gate.account_id), listed=comparison.listed_count,
                 bound=len(matching.bound), foreign=len(matching.foreign))  # fmt: skip
    held = _held(comparison)
    if not held:
        open_gate(gate, now)
        return
    gate.is_open, gate.alive_at, gate.check_at = True, now, now + _AGAIN
    gate.held_tasks, gate.reason = held, _why_held(comparison)
    log.warning("submit_gate.held", account_id=str(gate.account_id), reason=gate.reason)


def _why_closed(settings: Settings, gate: SubmitGate, comparison: ListComparison, now: datetime) -> str | None:
    """Why nothing may be submitted yet; None: what is clear may."""
    is_restored, since = gate.cause == Cause.RESTORED, min(gate.closed_at or now, now)
    if comparison.problem is not None:
        if not is_restored and now - since >= _UNREADABLE_FOR:
            log.warning("submit_gate.unproven", account_id=str(gate.account_id), problem=comparison.problem)
            return None
        return comparison.problem
    if comparison.forgotten.missing_accounts:
        names = ", ".join(comparison.forgotten.missing_accounts)
        return f"by the journal, jobs were submitted to {names}, which this database does not have: add it again"
    if not is_restored:
        return None
    settled_at = since + _settling(settings)
    if not comparison.is_settled:  # when it began: the list may have taken until after that
        return (
            f"this database was restored or has failed over; the task list is read again at {settled_at:%H:%M:%S} UTC"
        )
    evidence = timedelta(hours=settings.reconcile.evidence_hours)
    is_old = gate.known_until is not None and since - gate.known_until > evidence
    if gate.known_until is not None and is_old and not comparison.forgotten.is_whole:
        return (
            f"this database ends at {gate.known_until:%Y-%m-%d %H:%M} UTC, the provider lists no task of that age, "
            f"and the journal of submits lacks some that this database knows: {_OPERATOR}"
        )
    return None


def _is_settled(settings: Settings, gate: SubmitGate, now: datetime) -> bool:
    """Whether a list that is read now shows all that forgotten POSTs have made.

    After a restart of the same server every list does. An account whose gate was never opened may turn out to be a
    restored one by this very list.
    """
    if gate.cause != Cause.RESTORED:
        return gate.known_until is not None
    return now >= min(gate.closed_at or now, now) + _settling(settings)


def _settling(settings: Settings) -> timedelta:
    """Until a POST that the database has forgotten has ended, and its task has come into the list."""
    submit = settings.submit
    longest = submit.send_within_seconds + submit.post_seconds + submit.settle_within_seconds
    return timedelta(seconds=longest + settings.reconcile.absent_seconds)


def _held(comparison: ListComparison) -> dict[str, list[str]]:
    """The tasks and forgotten submits that are open, by the models of the jobs that they may belong to."""
    matching, held = comparison.matching, dict[str, list[str]]()
    for submit in (*comparison.forgotten.waiting, *comparison.forgotten.busy):
        held.setdefault(submit.model, []).append(submit.provider_task_id or str(submit.attempt_id))
    for found in matching.waiting:
        held.setdefault(found.task.model or ANY_MODEL, []).append(found.task.provider_task_id)
    for unclear in matching.unclear:
        for model in unclear.models:
            held.setdefault(model, []).append(unclear.found.task.provider_task_id)
    return held


def _why_held(comparison: ListComparison) -> str:
    matching, forgotten = comparison.matching, comparison.forgotten
    words = Counter(waiting=len(matching.waiting), unclear=len(matching.unclear))
    said = []
    if forgotten.waiting:
        said.append(f"by the journal, {len(forgotten.waiting)} waiting jobs were submitted, and are looked at again")
    if forgotten.busy:
        said.append(
            f"by the journal, {len(forgotten.busy)} jobs were submitted again later, and wait for their earlier submits"
        )
    if words["waiting"]:
        told = "and say so when they have ended, or the job's review has"
        said.append(f"{words['waiting']} listed tasks may belong to waiting jobs, {told}")
    if words["unclear"]:
        said.append(f"{words['unclear']} listed tasks fit several waiting jobs, or a job that others fit: {_OPERATOR}")
    return "; ".join(said)
