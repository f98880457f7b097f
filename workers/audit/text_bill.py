"""``python -m workers audit --provider``, language models: our ledger against the simulator's, call by call.

The provider itself keeps no list of calls; only the simulator shows what it has billed. Calls that are open are left
out: they will agree when they end.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.qwen.request import parse_text_request
from reelqueue.qwen.wire.body import body_of
from reelqueue.states import OPEN_TEXT_ATTEMPT, TextAttemptState
from workers.audit.check import Check, Finding
from workers.audit.simulator_bill import TextLine, read_text_bill
from workers.runtime.context import Context

Row = dict[str, Any]
Question = tuple[str, str]
"""Model, and the digest of the messages as the simulator makes it."""

BILLED: Final = Check(
    "text_bill_agrees",
    "the simulator billed each settled call to a language model once: tokens and amount",
    "",
)
KNOWN: Final = Check(
    "text_charge_is_known", "every call that it billed is one of ours that was, or may have been, billed", ""
)
COVERED: Final = Check(
    "text_loss_is_covered", "what it billed for a call whose answer was lost is no more than was written off for it", ""
)
TOTALS: Final = Check("text_totals_agree", "its totals by currency are ours, where no answer was lost", "")


@dataclass
class _Calls:
    """Our calls at one host."""

    settled: dict[str, TextAttempt] = field(default_factory=dict)
    """By the provider's request id."""
    lost: dict[str, TextAttempt] = field(default_factory=dict)
    nameless: dict[Question, list[TextAttempt]] = field(default_factory=dict)
    """Lost calls that no request id names."""
    open: Counter[Question] = field(default_factory=Counter)
    lines: dict[str, TextAttempt] = field(default_factory=dict)
    """Lines of batches that are not settled, by their custom ids."""


def audit_texts(context: Context) -> list[Finding]:
    """Compare every host that is a simulator; one finding per check, none where there is no simulator.

    Raises:
        workers.dashscope.wire.UnreadableError: The simulator's ledger cannot be read.
    """
    with context.sessions() as session:
        hosts = set(map(_host_of, session.scalars(select(TextAttempt.base_url).distinct())))
        # A host that was never asked must have billed nothing.
        hosts |= {_host_of(account.text_base_url or account.base_url) for account in session.scalars(select(Account))}
    found: dict[str, Finding] = {}
    transport = context.settings.provider.http_transport
    for host in sorted(hosts):
        bill = context.host.run(read_text_bill(host, transport))
        if bill is not None:
            with context.sessions() as session:
                for finding in compare_text_bill(session, host, bill):
                    found.setdefault(finding.check.name, Finding(finding.check, [])).rows.extend(finding.rows)
    return list(found.values())


def compare_text_bill(session: Session, host: str, bill: tuple[TextLine, ...]) -> list[Finding]:
    """Compare our calls at one host with what it billed; one finding per check.

    Args:
        session: Only read.
        host: Scheme and host.
        bill: What it billed.
    """
    rows = _compare(host, bill, _calls(session, host))
    return [Finding(check, rows[check.name]) for check in (BILLED, KNOWN, COVERED, TOTALS)]


def _host_of(base_url: str) -> str:
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"


def _calls(session: Session, host: str) -> _Calls:
    calls = _Calls()
    mine = select(TextAttempt, TextJob).join(TextJob, TextJob.id == TextAttempt.job_id)
    for attempt, job in session.execute(mine.where(TextAttempt.base_url.startswith(host))):
        if attempt.batch_id is not None and attempt.state is not TextAttemptState.ANSWERED:
            calls.lines[str(attempt.id)] = attempt
        elif attempt.state in OPEN_TEXT_ATTEMPT:
            calls.open[question_of(job.request)] += 1
        elif attempt.state is TextAttemptState.ANSWERED and attempt.request_id:
            calls.settled[attempt.request_id] = attempt
        elif attempt.state is TextAttemptState.AMBIGUOUS and attempt.request_id:
            calls.lost[attempt.request_id] = attempt
        elif attempt.state is TextAttemptState.AMBIGUOUS:
            calls.nameless.setdefault(question_of(job.request), []).append(attempt)
    return calls


def question_of(request: Mapping[str, Any]) -> Question:
    """How the simulator's ledger names a question.

    Args:
        request: As `parse_text_request` reads it.
    """
    parsed = parse_text_request(request)
    messages = json.dumps(body_of(parsed, thinking="off")["messages"], sort_keys=True)
    return parsed.model, hashlib.sha256(messages.encode()).hexdigest()


def _compare(host: str, bill: tuple[TextLine, ...], calls: _Calls) -> dict[str, list[Row]]:
    billed = {line.request_id: line for line in bill}
    losses = list(_losses(bill, calls))
    return {
        BILLED.name: list(_misbilled(host, billed, calls.settled)),
        KNOWN.name: [_row(host, line.request_id, billed=line.amount) for line, call in losses if call is None],
        COVERED.name: [
            _row(host, line.request_id, billed=line.amount, written_off=call.cost_amount, text_attempt_id=call.id)
            for line, call in losses
            if call is not None and call.cost_amount is not None and (line.amount or 0) > call.cost_amount
        ],
        TOTALS.name: list(_totals(host, billed, calls.settled)),
    }


def _misbilled(host: str, billed: Mapping[str, TextLine], settled: Mapping[str, TextAttempt]) -> Iterator[Row]:
    for request_id, call in settled.items():
        line = billed.get(request_id)
        if line is None:
            yield _row(host, request_id, text_attempt_id=call.id, billed=None, settled=call.cost_amount)
            continue
        tokens = call.usage and (call.usage["prompt_tokens"], call.usage["completion_tokens"])
        is_equal = call.is_estimate or (
            line.amount == call.cost_amount and tokens == (line.prompt_tokens, line.completion_tokens)
        )
        if not is_equal or (call.is_estimate and (line.amount or 0) > (call.cost_amount or 0)):
            yield _row(host, request_id, text_attempt_id=call.id, billed=line.amount, settled=call.cost_amount)


def _losses(bill: tuple[TextLine, ...], calls: _Calls) -> Iterator[tuple[TextLine, TextAttempt | None]]:
    """What was billed and is not settled here, with the lost call that it must be for; None: there is none."""
    nameless = {question: list(found) for question, found in calls.nameless.items()}
    still_open = Counter(calls.open)
    for line in bill:
        if line.request_id in calls.settled:
            continue
        if line.custom_id is not None:
            attempt = calls.lines.get(line.custom_id)
            if attempt is None or attempt.state not in OPEN_TEXT_ATTEMPT:
                is_lost = attempt is not None and attempt.state is TextAttemptState.AMBIGUOUS
                yield line, attempt if is_lost else None
        elif line.request_id in calls.lost:
            yield line, calls.lost[line.request_id]
        elif found := nameless.get(line.question):
            yield line, found.pop()
        elif still_open[line.question]:
            still_open[line.question] -= 1
        else:
            yield line, None


def _totals(host: str, billed: Mapping[str, TextLine], settled: Mapping[str, TextAttempt]) -> Iterator[Row]:
    pairs = [(billed[request_id], call) for request_id, call in settled.items() if request_id in billed]
    theirs, ours = dict[str | None, Decimal](), dict[str | None, Decimal]()
    for line, call in pairs:
        if not call.is_estimate:
            theirs[line.currency] = theirs.get(line.currency, Decimal(0)) + (line.amount or 0)
            ours[call.currency] = ours.get(call.currency, Decimal(0)) + (call.cost_amount or 0)
    for currency in sorted(theirs.keys() | ours.keys(), key=str):
        if theirs.get(currency) != ours.get(currency):
            yield {"host": host, "currency": currency, "billed": theirs.get(currency), "settled": ours.get(currency)}


def _row(host: str, request_id: str, **more: object) -> Row:
    return {"host": host, "request_id": request_id, **more}
