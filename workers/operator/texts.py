"""``python -m workers texts``: how language models do, and text jobs that wait for an operator's decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.operations.texts.decide import decide_held_text
from models.tenant import Tenant
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.errors import ReelqueueError
from reelqueue.states import TextState
from workers.batches.load import BatchLoad
from workers.operator.console import AsJson, open_context
from workers.operator.text_health import TextLoad, text_loads
from workers.runtime.context import Context
from workers.webhooks.deliver import hint_webhooks

texts = typer.Typer(
    no_args_is_help=True,
    help="Language models: their state, and text jobs that are held, as their answer was lost and may be billed.",
)
JobIds = Annotated[list[UUID], typer.Argument(help="Which; see `list`.")]


class NotHeldError(ReelqueueError):
    """A text job is not held, so there is nothing to decide."""

    def __init__(self, job_id: UUID, state: TextState | None) -> None:
        super().__init__(job_id, state)
        self.job_id = job_id
        self.state = state

    def __str__(self) -> str:
        seen = f"is {self.state}" if self.state else "does not exist"
        return f"text job {self.job_id} {seen}, not held; see python -m workers texts list"


@dataclass(frozen=True)
class HeldText:
    """A text job that waits for a decision; without its prompt."""

    text_job_id: UUID
    tenant: str
    model: str
    created_at: datetime
    calls: int
    cost_amount: Decimal | None
    """What it has cost, lost answers at the most that they may have."""
    estimate_amount: Decimal | None
    """What one more call may cost."""
    currency: str | None
    why: str | None


def held_texts(session: Session) -> list[HeldText]:
    """Every held text job, the oldest first."""
    calls = select(func.count()).where(TextAttempt.job_id == TextJob.id).correlate(TextJob).scalar_subquery()
    rows = session.execute(
        select(TextJob, Tenant.name, calls)
        .join(Tenant, Tenant.id == TextJob.tenant_id)
        .where(TextJob.state == TextState.HELD)
        .order_by(TextJob.created_at, TextJob.id)
    )
    return [
        HeldText(
            text_job_id=job.id,
            tenant=tenant,
            model=job.model,
            created_at=job.created_at,
            calls=count,
            cost_amount=job.cost_amount,
            estimate_amount=job.estimate_amount,
            currency=job.cost_currency or job.estimate_currency,
            why=job.failure_message,
        )
        for job, tenant, count in rows
    ]


@texts.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """Show the text jobs that are held, what they may have cost, and what one more call may cost."""
    with open_context() as context, context.sessions() as session:
        found = held_texts(session)
    for one in found:
        shown = vars(one)
        line = " ".join(f"{name}={value}" for name, value in shown.items())
        typer.echo(json.dumps(shown, default=str) if as_json else line)
    typer.echo(f"{len(found)} held", err=True)


@texts.command("status")
def status_command(*, as_json: AsJson = False) -> None:
    """Show each language model: what waits, is asked and is held, and what the last 24 hours have cost."""
    with open_context() as context, context.sessions() as session:
        loads = text_loads(session, context.clock.now(session))
    for one in loads:
        typer.echo(json.dumps(asdict(one), default=str) if as_json else _load_line(one))
        if not as_json and one.batches != BatchLoad():
            typer.echo(_batches_line(one.model, one.batches))
    typer.echo(f"{len(loads)} language models", err=True)


def _load_line(load: TextLoad) -> str:
    money = [*_money("spent", load.spent), *_money("written_off", load.written_off)]
    counts = f"waiting={load.waiting} oldest={load.oldest_waiting_seconds:.0f}s in_flight={load.in_flight}"
    calls = f"held={load.held} answered={load.answered} ambiguous={load.ambiguous}"
    return " ".join([f"{load.model}:", counts, calls, *money])


def _batches_line(model: str, load: BatchLoad) -> str:
    jobs = f"waiting={load.waiting} oldest={load.oldest_waiting_seconds:.0f}s"
    doubt = f"ambiguous={load.ambiguous} since={load.oldest_ambiguous_seconds:.0f}s"
    states = f"gathered={load.gathered} creating={load.creating} {doubt}"
    ends = f"running={load.running} releasing={load.releasing} overdue={load.overdue_seconds:.0f}s lines={load.lines}"
    return " ".join([f"{model} batches:", jobs, states, ends, *_money("reserved", load.reserved)])


def _money(name: str, amounts: Mapping[str, Decimal]) -> list[str]:
    return [f"{name}={amount} {currency}" for currency, amount in sorted(amounts.items())]


@texts.command("retry")
def retry_command(job_ids: JobIds) -> None:
    """Ask once more, and pay for that, whether or not the lost answer was billed."""
    with open_context() as context:
        for job_id in job_ids:
            context.hints.text(job_id, _decide(context, job_id, ask_again=True))
            typer.echo(f"text job {job_id} is asked again")


@texts.command("fail")
def fail_command(job_ids: JobIds) -> None:
    """End them without an answer; what they may have cost stays in the ledger."""
    with open_context() as context:
        for job_id in job_ids:
            _decide(context, job_id, ask_again=False)
            hint_webhooks(context, job_id)
            typer.echo(f"text job {job_id} has failed")


def _decide(context: Context, job_id: UUID, *, ask_again: bool) -> str:
    """Decide about one job; gives its model."""
    with context.sessions.begin() as session:
        job = session.get(TextJob, job_id)
        now = context.clock.now(session)
        if job is None or not decide_held_text(session, job_id, now=now, ask_again=ask_again):
            raise NotHeldError(job_id, job.state if job else None)
        return job.model
