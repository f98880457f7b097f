"""What ``control.report`` says each minute: one line of the record, and an error while something needs an operator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from models.account import Account
from models.operations.monitoring.figures import IN_FLIGHT, job_counts, overdue_polls, spent_today, waiting_results
from models.storage import StorageError
from models.submit_gate import SubmitGate
from reelqueue.errors import ReelqueueError
from reelqueue.states import RenderState
from workers.operator.record.checks import CheckLine, record_checks
from workers.runtime.context import Context

_OVERDUE_SECONDS: Final = 60.0
"""A batch of polls that died is given up after 30 s."""
_LONG_SHUT: Final = timedelta(minutes=5)
"""A gate that was shut by an ordinary restart opens within seconds."""
_WORDS_MAX: Final = 160
"""Characters of one finding; whatever was said is in `doctor`."""
_URL: Final = re.compile(r"\w+://\S+")


class NeedsOperatorError(ReelqueueError):
    """Something needs an operator: each reason with its remedy, then the record's line."""

    def __init__(self, reasons: Sequence[str], line: str) -> None:
        # In this order: Flower's list shows the first characters.
        super().__init__(list(reasons), line)
        self.reasons = reasons
        self.line = line

    def __str__(self) -> str:
        return f"{'; '.join(self.reasons)} | {self.line}"


@dataclass(frozen=True)
class RecordLine:
    """The record in one line."""

    queued: int
    in_flight: int
    overdue_seconds: float
    """For how long the oldest overdue poll is due."""
    archive: int
    """Results that are not archived."""
    review: int
    """Jobs that wait for an operator."""
    paused: tuple[str, ...]
    """Names of accounts."""
    spent: dict[str, float]
    """Since midnight (UTC), by currency."""

    def __str__(self) -> str:
        spent = "+".join(f"{amount:.2f}{currency}" for currency, amount in sorted(self.spent.items()))
        return (
            f"queued={self.queued} in_flight={self.in_flight} overdue={self.overdue_seconds:.0f}s "
            f"archive={self.archive} review={self.review} paused={','.join(self.paused) or 'none'} "
            f"spent_today={spent or 0}"
        )


def report_record(context: Context) -> RecordLine:
    """The record now.

    Raises:
        NeedsOperatorError: Something waits for an operator.
    """
    with context.sessions() as session:
        now = context.clock.now(session)
        line = read_line(session, now)
        reasons = [_words(one) for one in _incidents(context, session, line, now)]
    if reasons:
        raise NeedsOperatorError(reasons, str(line))
    return line


def read_line(session: Session, now: datetime) -> RecordLine:
    """The record's line."""
    counts, spent = job_counts(session), dict[str, float]()
    for (_, currency), amount in spent_today(session, now).items():
        spent[currency] = spent.get(currency, 0.0) + amount
    paused = select(Account.name).where(Account.paused_at.is_not(None)).order_by(Account.name)
    return RecordLine(
        queued=counts.get(RenderState.QUEUED, 0),
        in_flight=sum(counts.get(state, 0) for state in IN_FLIGHT),
        overdue_seconds=overdue_polls(session, now)[1],
        archive=waiting_results(session)[0],
        review=counts.get(RenderState.NEEDS_REVIEW, 0),
        paused=tuple(session.scalars(paused)),
        spent=spent,
    )


def _incidents(context: Context, session: Session, line: RecordLine, now: datetime) -> Iterator[CheckLine]:
    """What an operator must do something about: findings of `doctor`, and what the line shows."""
    if line.review:
        jobs = "1 job is" if line.review == 1 else f"{line.review} jobs are"
        yield CheckLine("review", False, f"{jobs} under review", "python -m workers review list")
    if line.overdue_seconds > _OVERDUE_SECONDS:
        seen = f"the oldest overdue poll is due for {line.overdue_seconds:.0f} s"
        yield CheckLine("polls", False, seen, "start a worker of the queue poll; look at the broker")
    try:
        context.journal.check()
    except StorageError as error:
        yield CheckLine("journal", False, str(error), "nothing is submitted until it can be written: docs/runbooks.md")
    opening = {f"gate of {name}" for name in session.scalars(_just_shut(now))}
    yield from (one for one in record_checks(context, session) if not one.is_healthy and one.subject not in opening)


def _just_shut(now: datetime) -> Select[str]:
    """Accounts whose gate may open by itself any moment."""
    gates = select(Account.name).join(SubmitGate, SubmitGate.account_id == Account.id)
    return gates.where(func.coalesce(SubmitGate.closed_at, now) > now - _LONG_SHUT)


def _words(found: CheckLine) -> str:
    """A finding for Flower, where no URL is shown."""
    seen = _URL.sub("…", found.seen)
    cut = seen if len(seen) <= _WORDS_MAX else f"{seen[:_WORDS_MAX]}…"
    return f"{found.subject}: {cut} -> {found.remedy}" if found.remedy else f"{found.subject}: {cut}"
