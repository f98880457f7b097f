"""Reconciliation: what became of a POST whose answer was lost, by the provider's own listing.

The listing is asked for the tasks of the attempt's model and time, those that we know are taken away, and
:mod:`workers.reconciliation.task_matching` judges what is left:

=======================================  ======================================================
verdict                                  then
=======================================  ======================================================
the task has our answer's request id     adopt it
the journal of submits names the task    adopt it, unseen
adopt                                    follow it as if its answer had come
adopt by elimination                     the same, once no POST of the attempts that may have made
                                         it can be under way any more
absent from two listings a minute apart  submit again, once; the second time a person decides
unclear                                  ask again, and after an hour hand it to a person
=======================================  ======================================================

A campaign may choose otherwise where a task is absent: ``hold`` never submits again without a person, ``resubmit``
does so after the first listing, and may pay twice (:class:`models.campaign.OnAmbiguous`).

A listing that may miss tasks (:mod:`workers.dashscope.task_list`) proves nothing but what it shows under our
answer's own request id. A whole one proves absence only from the moment on at which the POST cannot be under way
any more, and only while the provider still lists tasks of that age. It proves nothing while another submit of the
same account and model is under way, as a task that it shows may be that one's, or while a job follows a task and the
list shows another one that echoes its prompt, as its submit may have been answered with this attempt's task; and
nothing under another key than
the POST had, which may be another main account's. And it proves nothing where the window may be the wrong one: the
provider's clock is compared with the database's before each submit and by each list, and a clock that was set in
between leaves the question open (:mod:`workers.runtime.provider_clock`). What is adopted by elimination rests on
the same proof.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.campaign import Campaign, OnAmbiguous
from models.operations.scheduling.poll_wakeups import Wake, wake_for
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.storage import StorageError
from reelqueue.errors import ConfigurationError
from reelqueue.states import AttemptState, TaskStatus
from workers.dashscope import Acceptance, ClockReading, DashScope, ListedTask, ProviderError
from workers.failpoints import Failpoint, failpoint
from workers.reconciliation.competing_attempts import (
    UNDECIDED,
    CompetingAttempts,
    exchanged_spans,
    find_competing,
    misnamed_by,
)
from workers.reconciliation.task_matching import ENDED, Absent, Adopt, MatchResult, UnclaimedTask, Unclear, match_task
from workers.runtime.context import Context
from workers.runtime.provider_clock import MOST_UNCERTAIN_SECONDS, ClockRange, clock_range, keep_reading
from workers.settings import ReconcileSettings
from workers.submission.claim_outcomes import park_job, requeue
from workers.submission.known_tasks import is_stored
from workers.submission.task_binding import OpenAttempt, TaskTakenError, bind_task

log = structlog.get_logger(__name__)

# Each is asked about, in turn and at the cost of the account's queries.
STRANGERS_AT_ONCE: Final = 20
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class AmbiguousAttempt:
    """An ambiguous attempt, and what surrounds it."""

    attempt: OpenAttempt
    model: str
    request_id: str | None
    """The provider's, where a garbled answer had one."""
    since: datetime
    """The window in which its task can have been made, by the provider's clock."""
    until: datetime
    around: tuple[datetime, datetime]
    """Other attempts that were sent within, by the database's clock, may have made a task of the window."""
    clock_offset_seconds: float | None
    """The provider's clock minus the database's when it was sent; None: it was not known."""
    sent_at: datetime
    silent_since: datetime
    """From here on the POST cannot be under way any more."""
    ambiguous_at: datetime
    first_absent_at: datetime | None
    asked_at: datetime
    """Before the listing was read."""
    competing: CompetingAttempts
    resubmit_count: int
    """Attempts of the job that were found absent before."""
    on_ambiguous: OnAmbiguous
    """What its campaign wants where the listing shows no trace."""
    key_fingerprint: str | None
    """Of the key it was sent with; None: an older worker sent it."""


def reconcile_attempt(context: Context, attempt_id: UUID) -> str:
    """Ask the provider's listing about an ambiguous attempt, and act on it.

    Returns:
        What became of it, in a few words for people.
    """
    case = _take(context, attempt_id)
    if case is None:
        return "not due: nothing done"
    failpoint(Failpoint.DOUBTED)
    finding = context.host.run(_investigate(context, case))
    failpoint(Failpoint.LISTED)
    return _act(context, case, finding)


def _take(context: Context, attempt_id: UUID) -> AmbiguousAttempt | None:
    """Claim the attempt for a while; its next time is in the row, in case this worker dies."""
    rules = context.settings.reconcile
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        attempt = session.scalars(
            update(Attempt)
            .where(Attempt.id == attempt_id, Attempt.state.in_(UNDECIDED), Attempt.reconcile_at <= now)
            .values(
                state=AttemptState.RECONCILING,
                reconcile_at=now + timedelta(seconds=rules.ask_again_seconds),
                listing_count=Attempt.listing_count + 1,
            )
            .returning(Attempt)
        ).one_or_none()
        return None if attempt is None else _case(session, attempt, rules, now)


def _case(session: Session, attempt: Attempt, rules: ReconcileSettings, now: datetime) -> AmbiguousAttempt:
    job = session.get_one(RenderJob, attempt.job_id)
    account = session.get_one(Account, attempt.account_id)
    earlier = select(func.count()).where(Attempt.job_id == job.id, Attempt.state == AttemptState.NOT_CREATED)
    sent_at, silent_since = attempt.sent_at or attempt.created_at, attempt.answer_by or attempt.send_by
    offset = attempt.clock_offset_seconds
    clocks = clock_range(session, account.id, rules, model=job.model, sent_with=[offset])
    # Where these are not in order, the clock was set between two of them, and no offset holds for all.
    is_in_order = attempt.created_at <= sent_at <= now
    first, last = _span(session, attempt, clocks, sent_at, silent_since)
    since, until = clocks.window(first, last)
    until = max(since, until)  # a deadline that was brought back lies before a moment that was not
    around = first - clocks.width, last + clocks.width
    return AmbiguousAttempt(
        attempt=OpenAttempt(attempt.id, attempt.number, job.id, attempt.epoch, account, attempt.base_url),
        model=job.model,
        request_id=attempt.request_id,
        since=since,
        until=until,
        around=around,
        clock_offset_seconds=offset if is_in_order else None,
        sent_at=sent_at,
        silent_since=silent_since,
        ambiguous_at=attempt.closed_at or now,
        first_absent_at=attempt.first_absent_at,
        asked_at=now,
        competing=find_competing(session, attempt.id, since=around[0], until=around[1], now=now),
        resubmit_count=session.scalars(earlier).one(),
        on_ambiguous=session.get_one(Campaign, job.campaign_id).on_ambiguous,
        key_fingerprint=attempt.key_fingerprint,
    )


def _span(
    session: Session, attempt: Attempt, clocks: ClockRange, sent_at: datetime, silent_since: datetime
) -> tuple[datetime, datetime]:
    """When the task may have been made that is the attempt's, or an equal request's in exchange."""
    first, last, count = sent_at, silent_since, -1
    spans = list[tuple[datetime, datetime]]()
    while len(spans) > count:  # those that were exchanged with one of these
        count = len(spans)
        spans = exchanged_spans(session, attempt, *clocks.window(first, last))
        first, last = min([sent_at, *(one for one, _ in spans)]), max([silent_since, *(one for _, one in spans)])
    return first, last


def _noted(context: Context, case: AmbiguousAttempt) -> ListedTask | None:
    """The task that the journal has for the attempt: its worker died, or the database went back, before the commit."""
    try:
        task_id = context.journal.task_of(case.attempt.attempt_id, case.sent_at - _DAY)
    except StorageError as error:
        log.warning("journal.not_read", attempt_id=str(case.attempt.attempt_id), reason=str(error))
        return None
    return None if task_id is None else ListedTask(task_id, TaskStatus.RUNNING, case.model, None)


async def _investigate(context: Context, case: AmbiguousAttempt) -> MatchResult:
    if (noted := _noted(context, case)) is not None:
        return Adopt(noted, is_noted=True)
    if case.competing.in_flight:
        return Unclear(f"{len(case.competing.in_flight)} other submits of {case.model} are under way")
    try:
        async with context.provider(case.attempt.account, base_url=case.attempt.base_url) as provider:
            listed = await provider.list_tasks(model=case.model, since=case.since, until=case.until)
            reading = keep_reading(context, case.attempt.account.id, provider.clock)
            with context.sessions() as session:
                unknown = _unknown(session, case, listed.tasks)
            if listed.flaw is not None:
                return _found_in_part(case, unknown, listed.flaw)
            finding, strangers = await _judge(provider, case, unknown)
            if isinstance(finding, Absent):
                with context.sessions() as session:
                    named = misnamed_by(session, case.attempt.attempt_id, case.model, strangers)
                finding = finding if named is None else Unclear(named, has_candidates=True)
            return _as_proven(context, case, finding, reading)
    except ProviderError as error:
        return Unclear(error.summary)
    except ConfigurationError as error:
        return Unclear(str(error))


def _as_proven(
    context: Context, case: AmbiguousAttempt, finding: MatchResult, reading: ClockReading | None
) -> MatchResult:
    """What a finding that rests on absence is worth under the key that asked, and by the clocks."""
    match finding:
        case Absent():
            offsets = [case.clock_offset_seconds]
        case Adopt(is_by_elimination=True):
            offsets = [case.clock_offset_seconds, *(one.clock_offset_seconds for one in case.competing.rivals)]
        case _:
            return finding
    seen = "absent" if isinstance(finding, Absent) else f"{finding.task.provider_task_id} may be its task"
    if case.key_fingerprint not in {None, context.key_fingerprint(case.attempt.account)}:
        return Unclear(f"{seen} under another key than it was sent with, which may be another main account's")
    known = [offset for offset in offsets if offset is not None]
    if reading is None or len(known) < len(offsets):
        return Unclear(f"{seen}, but the provider's clock at the time it was sent is unknown")
    moved = max(abs(reading.offset_seconds - offset) for offset in known)
    if moved + reading.uncertainty_seconds > context.settings.reconcile.clock_skew_seconds:
        return Unclear(f"{seen}, but the provider's clock or the database's was set by {moved:.0f} s since it was sent")
    noise = reading.uncertainty_seconds + MOST_UNCERTAIN_SECONDS
    return replace(finding, clocks_moved=timedelta(seconds=max(moved - noise, 0)))


def _unknown(session: Session, case: AmbiguousAttempt, listed: list[ListedTask]) -> list[ListedTask]:
    ids = [task.provider_task_id for task in listed]
    taken = set(session.scalars(select(ProviderTask.provider_task_id).where(is_stored(session, ids))))
    # By id: a page that shifts while it is read shows a task twice.
    unknown = {task.provider_task_id: task for task in listed if task.provider_task_id not in taken}
    return [task for task in unknown.values() if task.model in {None, case.model}]


def _found_in_part(case: AmbiguousAttempt, unknown: list[ListedTask], flaw: str) -> MatchResult:
    """What a list proves that may miss tasks: only what it shows under our answer's own request id."""
    exact = _exact(case, unknown)
    return Adopt(exact[0]) if exact else Unclear(flaw, has_candidates=bool(unknown))


def _exact(case: AmbiguousAttempt, unknown: list[ListedTask]) -> list[ListedTask]:
    return [task for task in unknown if case.request_id and task.request_id == case.request_id]


async def _judge(
    provider: DashScope, case: AmbiguousAttempt, unknown: list[ListedTask]
) -> tuple[MatchResult, list[UnclaimedTask]]:
    """The verdict, and what the unknown tasks say."""
    if exact := _exact(case, unknown):
        return Adopt(exact[0]), []
    if len(unknown) > STRANGERS_AT_ONCE:
        return Unclear(f"{len(unknown)} unknown tasks, more than are asked about", has_candidates=True), []
    strangers = [UnclaimedTask(task, await provider.get(task.provider_task_id)) for task in unknown]
    return match_task(case.competing.mine, case.competing.rivals, strangers), strangers


def _act(context: Context, case: AmbiguousAttempt, finding: MatchResult) -> str:
    wake: Wake | None = None
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        question = Resolution(session, case, context.settings.reconcile, now)
        if not question.is_open():
            return "settled meanwhile: nothing done"
        match finding:
            case Adopt():
                wake, said = question.adopt(finding)
            case Absent(clocks_moved):
                said = question.count_absence(clocks_moved)
            case Unclear():
                said = question.ask_again(finding)
    log.info("attempt.reconciled", job_id=str(case.attempt.job_id), attempt=case.attempt.number, outcome=said)
    failpoint(Failpoint.RECONCILED)
    if wake is not None and isinstance(finding, Adopt):
        context.journal.made(case.attempt.attempt_id, finding.task.provider_task_id, at=case.sent_at)
        context.hints.poll(wake, now=now)
    if isinstance(finding, Absent):
        context.hints.dispatch()
    return said


@dataclass(frozen=True)
class Resolution:
    """An ambiguous attempt in the transaction that writes what was found; each method returns it as text."""

    session: Session
    case: AmbiguousAttempt
    rules: ReconcileSettings
    now: datetime

    def is_open(self) -> bool:
        """Whether the attempt is still undecided: its own answer, or another worker's, may have come meanwhile."""
        mine = select(Attempt.id).where(
            Attempt.id == self.case.attempt.attempt_id, Attempt.state == AttemptState.RECONCILING
        )
        return self.session.scalars(mine.with_for_update()).one_or_none() is not None

    def adopt(self, found: Adopt) -> tuple[Wake | None, str]:
        """Follow the task from now on."""
        case, task = self.case, found.task
        if found.is_by_elimination and case.asked_at < self._quiet_at() + found.clocks_moved:
            reason = f"{task.provider_task_id} may be the task of a POST that the listing does not show yet"
            return None, self.ask_again(Unclear(reason, has_candidates=True))
        since, until = case.around
        around = find_competing(self.session, case.attempt.attempt_id, since=since, until=until, now=self.now)
        if not found.is_noted and around.has_newcomers(case.competing):
            # What began after the question may have made the task that the listing showed.
            return None, self.ask_again(Unclear(f"another submit of {case.model} began meanwhile"))
        # How it ended is stored with its bill, by the first poll: a list tells the one without the other.
        status = TaskStatus.RUNNING if task.status in ENDED else task.status
        accepted = Acceptance(task.provider_task_id, status, task.request_id)
        try:
            next_poll = bind_task(self.session, case.attempt, accepted, now=self.now, state=AttemptState.ADOPTED)
        except TaskTakenError:
            return None, self.ask_again(Unclear("a rival adopted the task first"))
        return wake_for(self.session, next_poll), f"adopted provider_task={task.provider_task_id}"

    def _quiet_at(self) -> datetime:
        """From here on the listing shows whatever the attempts of the question have made."""
        near = self.case.competing
        last = max(one.silent_since for one in (near.mine, *near.rivals))
        return last + timedelta(seconds=self.rules.absent_seconds)

    def count_absence(self, clocks_moved: timedelta) -> str:
        """The first is remembered; the second, late enough after it, rules the task out.

        Args:
            clocks_moved: By so much the clocks were set since it was sent, so much longer takes every wait.
        """
        case, rules, now = self.case, self.rules, self.now
        if now < case.silent_since + clocks_moved:
            self._at(now + timedelta(seconds=rules.ask_again_seconds))
            return "absent so far, and the POST may still be on its way: asked again"
        if now - case.sent_at > timedelta(hours=rules.evidence_hours):
            return self._give_up("the provider does not list tasks of that age any more")
        if case.on_ambiguous is OnAmbiguous.RESUBMIT:
            return self._buy_again()
        first = min(case.first_absent_at or now, now)
        certain_at = first + timedelta(seconds=rules.absent_seconds) + clocks_moved
        if now < certain_at:
            self._at(certain_at, first_absent_at=first)
            return "absent from the listing: asked once more"
        if case.on_ambiguous is OnAmbiguous.HOLD:
            return self._give_up("absent from two listings, and its campaign leaves it to a person")
        return self._buy_again()

    def _buy_again(self) -> str:
        """Submit it once more, unless that was done before."""
        attempt = self.case.attempt
        if self.case.resubmit_count >= self.rules.resubmits:
            return self._give_up("absent from the provider's list, for the second time")
        self._close(AttemptState.NOT_CREATED)
        requeue(self.session, attempt.job_id, epoch=attempt.epoch, now=self.now)
        return "not created: submitted again"

    def ask_again(self, unclear: Unclear) -> str:
        """Later, unless it has been asked for too long."""
        if self.now - self.case.ambiguous_at >= timedelta(seconds=self.rules.give_up_seconds):
            return self._give_up(unclear.reason)
        # A task that may be ours takes back what an earlier listing without it said.
        forgotten = {"first_absent_at": None} if unclear.has_candidates else {}
        self._at(self.now + timedelta(seconds=self.rules.ask_again_seconds), **forgotten)
        return f"unclear: {unclear.reason}"

    def _give_up(self, reason: str) -> str:
        self._close(AttemptState.UNRESOLVED)
        attempt = self.case.attempt
        park_job(self.session, attempt.job_id, reason, epoch=attempt.epoch, now=self.now)
        return f"needs review: {reason}"

    def _at(self, moment: datetime, **values: object) -> None:
        self._write(reconcile_at=moment, **values)

    def _close(self, state: AttemptState) -> None:
        self._write(state=state, closed_at=self.now, reconcile_at=None)

    def _write(self, **values: object) -> None:
        self.session.execute(update(Attempt).where(Attempt.id == self.case.attempt.attempt_id).values(**values))
