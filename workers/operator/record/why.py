"""``python -m workers why``: what a job waits for, with the accounts and commands that operators may see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import typer
from rich.table import Column
from sqlalchemy.orm import Session

from models.operations.waiting.queued import what_waits
from models.operations.waiting.why import why, why_queued
from models.render_job import RenderJob
from reelqueue.cli._output import moment, print_table
from reelqueue.errors import ReelqueueError
from reelqueue.schemas.why import Why
from reelqueue.states import TERMINAL, RenderState
from workers.operator.console import AsJson, open_context


class NoSuchJobError(ReelqueueError):
    """There is no render job of an id."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"there is no render job {self.job_id}; take the id from `reelqueue jobs` or from Flower"


@dataclass(frozen=True)
class Explanation:
    """What a job waits for, at the nearest account and at the others."""

    why: Why
    account: str | None
    """The nearest; None: it waits for no account."""
    others: tuple[tuple[str, Why], ...]


def explain_wait(session: Session, job_id: UUID, now: datetime) -> Explanation:
    """What a job waits for.

    Raises:
        NoSuchJobError: There is none of this id.
    """
    job = session.get(RenderJob, job_id)
    if job is None:
        raise NoSuchJobError(job_id)
    if job.state is not RenderState.QUEUED:
        return Explanation(why(session, job, now=now, is_operator=True), None, ())
    wait = what_waits(session, job, now)
    told = [
        (one.account.name, why_queued(session, job, one, now=now, is_operator=True))
        for one in wait.others
        if one.account is not None
    ]
    account = None if wait.account is None else wait.account.name
    return Explanation(why_queued(session, job, wait, now=now, is_operator=True), account, tuple(told))


def why_command(job_id: UUID, *, as_json: AsJson = False) -> None:
    """Show what a job waits for, at each account, and the command that changes it."""
    with open_context() as context, context.sessions() as session:
        found = explain_wait(session, job_id, context.clock.now(session))
    if as_json:
        typer.echo(json.dumps(_plain(found)))
    else:
        print_table((Column(no_wrap=True), Column(overflow="fold")), _facts(found))


def _plain(found: Explanation) -> dict[str, object]:
    others = [{"account": account, **one.model_dump(mode="json")} for account, one in found.others]
    return {**found.why.model_dump(mode="json"), "account": found.account, "others": others}


def _facts(found: Explanation) -> Iterator[tuple[str, str]]:
    told = found.why
    yield "job", str(told.job_id)
    yield "state", told.state.value
    yield "outcome" if told.state in TERMINAL else "waits for", told.reason
    if told.until is not None:
        yield "until", moment(told.until)
    if told.remedy is not None:
        yield "remedy", told.remedy
    for account, one in found.others:
        yield f"at {account}", one.reason if one.remedy is None else f"{one.reason} -> {one.remedy}"
