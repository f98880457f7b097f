"""``python -m workers recover``: what a restored database holds back, and an operator's decisions about it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.operations.scheduling.submit_gates import ensure_gate, open_gate, read_openings
from models.render_job import RenderJob
from models.submit_gate import SubmitGate
from reelqueue.errors import ReelqueueError
from reelqueue.states import UNSENT
from workers.operator.console import AsJson, open_context
from workers.recovery.bind import bind_found
from workers.recovery.compare import ListComparison, compare_account, compare_list
from workers.recovery.forgotten import ForgottenSubmits
from workers.recovery.gates import open_gates
from workers.recovery.matching import Candidate, Found
from workers.runtime.context import Context
from workers.runtime.submit_journal import JournaledSubmit

_PROMPT_CHARACTERS = 60

Pairs = Annotated[
    list[str] | None, typer.Option("--pair", metavar="TASK=JOB", help="This job made this task; repeat it.")
]
Foreign = Annotated[
    list[str] | None, typer.Option("--foreign", metavar="TASK", help="No job here made this task; repeat it.")
]
Open = Annotated[
    list[str] | None,
    typer.Option("--open", metavar="ACCOUNT", help="Submit to it although its list leaves something open; repeat it."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@dataclass(frozen=True)
class Closed:
    """An account whose gate is not fully open, and what its list shows."""

    account: Account
    gate: SubmitGate
    comparison: ListComparison

    @property
    def state(self) -> str:
        """What it does not take, and why."""
        held = ", ".join(model or "any model" for model in sorted(self.gate.held_tasks))
        what = f"takes no jobs of {held}" if self.gate.is_open else "takes no jobs"
        return f"{what}: {self.gate.reason}"

    def tasks(self) -> dict[str, Found]:
        """Everything that is open, by task id."""
        found = [*self.comparison.matching.waiting, *(one.found for one in self.comparison.matching.unclear)]
        return {one.task.provider_task_id: one for one in found}


def recover_command(
    *,
    pair: Pairs = None,
    foreign: Foreign = None,
    open_accounts: Open = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Show what is held back until the provider's task list is explained, or decide it; see docs/runbooks.md."""
    with open_context() as context:
        open_gates(context)
        closed = list(_closed(context))
        pairs = [_read_pair(context, closed, one) for one in pair or []]
        strangers = [(_owner(closed, one), one) for one in foreign or []]
        opened = [_named(closed, name) for name in open_accounts or []]
        if not pairs and not strangers and not opened:
            _show(closed, as_json=as_json)
            return
        if not yes:
            typer.confirm(_question(len(pairs), len(strangers), opened), abort=True)
        for one, found, job_id in pairs:
            if not bind_found(context, one.account, job_id, found):
                raise ReelqueueError(f"render job {job_id} waits no more; look again: python -m workers recover")
            typer.echo(f"render job {job_id} follows task {found.task.provider_task_id}")
        _rule_out(context, strangers)
        _compare_again(context, closed)
        _open(context, opened)
        context.hints.dispatch()


def _closed(context: Context) -> Iterator[Closed]:
    with context.sessions() as session:
        openings = read_openings(session, context.clock.now(session))
        accounts = openings.accounts
    held = {one: gate for one, gate in openings.open_gates.items() if gate.held_tasks}
    for account_id, gate in {**openings.closed_gates, **held}.items():
        yield Closed(accounts[account_id], gate, compare_list(context, accounts[account_id], gate))


def _show(closed: list[Closed], *, as_json: bool) -> None:
    for one in closed:
        for line in _facts(one) if as_json else _lines(one):
            typer.echo(line)
    typer.echo(f"{len(closed)} accounts hold jobs back" if closed else "nothing is held back", err=True)


def _facts(one: Closed) -> Iterator[str]:
    yield from _journaled_facts(one)
    possible = {unclear.found.task.provider_task_id: unclear.candidates for unclear in one.comparison.matching.unclear}
    for task_id, found in one.tasks().items():
        shown = {
            "account": one.account.name,
            "task": task_id,
            "model": found.task.model,
            "status": found.task.status,
            "made_at": found.task.created_at,
            "prompt": found.answer.orig_prompt if found.answer else None,
            "jobs": [candidate.job_id for candidate in possible.get(task_id, [])],
        }
        yield json.dumps(shown, default=str)


def _journaled_facts(one: Closed) -> Iterator[str]:
    forgotten = one.comparison.forgotten
    kinds = {"waiting": forgotten.waiting, "busy": forgotten.busy, "gone": forgotten.gone}
    for journal, submits in kinds.items():
        for submit in submits:
            shown = {
                "account": one.account.name,
                "task": submit.provider_task_id,
                "model": submit.model,
                "submitted_at": submit.claimed_at,
                "journal": journal,
                "jobs": [submit.job_id],
            }
            yield json.dumps(shown, default=str)


def _lines(one: Closed) -> Iterator[str]:
    yield f"{one.account.name} {one.state}"
    yield from _journaled(one.comparison.forgotten)
    for found in one.comparison.matching.waiting:
        yield f"  {_named_task(found)}: waits for its end"
    taken: set[UUID] = set()
    claims = Counter(job.job_id for unclear in one.comparison.matching.unclear for job in unclear.candidates)
    for unclear in one.comparison.matching.unclear:
        yield f"  {_named_task(unclear.found)}: fits {unclear.count} waiting jobs"
        for job in unclear.candidates:
            yield f"      {_named_job(job)}"
        if unclear.count > len(unclear.candidates):
            yield f"      and {unclear.count - len(unclear.candidates)} more"
        if any(claims[job.job_id] > unclear.count for job in unclear.candidates):
            yield "      more tasks than jobs: one is another program's, or its job is gone with the backup"
            continue
        proposed = next((job.job_id for job in unclear.candidates if job.job_id not in taken), None)
        if proposed is not None:
            taken.add(proposed)
            yield f"      by their order: --pair {unclear.found.task.provider_task_id}={proposed}"


def _journaled(forgotten: ForgottenSubmits) -> Iterator[str]:
    """What the journal has of the submits that the database has forgotten."""
    for submit in forgotten.waiting:
        then = "gets its task" if submit.provider_task_id else "is searched in the list, and else reviewed,"
        yield f"  {_named_submit(submit)}: {then} when no POST can be under way any more"
    for submit in forgotten.busy:
        yield f"  {_named_submit(submit)}: waits until its earlier submit has ended"
    for submit in forgotten.gone:
        yield f"  {_named_submit(submit)}: is gone with the backup; submitted again it is paid for again"


def _named_submit(submit: JournaledSubmit) -> str:
    task = f"task {submit.provider_task_id}" if submit.provider_task_id else "no answer"
    at = f"{submit.claimed_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"job {submit.job_id} {submit.model} submitted {at}, {task}, by the journal"


def _named_task(found: Found) -> str:
    made_at = f"{found.task.created_at:%Y-%m-%d %H:%M:%S} UTC" if found.task.created_at else "at an unknown time"
    echo = found.answer.orig_prompt if found.answer else None
    return f"task {found.task.provider_task_id} {found.task.model} {found.task.status} made {made_at}{_quoted(echo)}"


def _named_job(job: Candidate) -> str:
    options = f" {job.resolution or ''} {f'{job.duration} s' if job.duration else ''}".rstrip()
    return f"job {job.job_id} enqueued {job.created_at:%Y-%m-%d %H:%M:%S} UTC{options}{_quoted(job.prompt)}"


def _quoted(prompt: str | None) -> str:
    return f" {prompt[:_PROMPT_CHARACTERS]!r}" if prompt else ""


def _read_pair(context: Context, closed: list[Closed], text: str) -> tuple[Closed, Found, UUID]:
    task_id, _, job = text.partition("=")
    try:
        job_id = UUID(job)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not of the form TASK=JOB", param_hint="--pair") from error
    owner = _owner(closed, task_id)
    found = owner.tasks()[task_id]
    with context.sessions() as session:
        _refuse_other(session, job_id, found)
    return owner, found, job_id


def _refuse_other(session: Session, job_id: UUID, found: Found) -> None:
    row = session.execute(select(RenderJob.state, RenderJob.model).where(RenderJob.id == job_id)).one_or_none()
    if row is None or row.state not in UNSENT:
        seen = f"is {row.state}" if row else "does not exist"
        raise ReelqueueError(f"render job {job_id} {seen}; only a job that waits for its submit can have a task")
    if found.task.model not in {None, row.model}:
        raise ReelqueueError(
            f"render job {job_id} is for {row.model}; task {found.task.provider_task_id} is one of {found.task.model}"
        )


def _owner(closed: list[Closed], task_id: str) -> Closed:
    owner = next((one for one in closed if task_id in one.tasks()), None)
    if owner is None:
        raise ReelqueueError(f"task {task_id} is not among those that are open; see python -m workers recover")
    return owner


def _named(closed: list[Closed], name: str) -> Closed:
    found = next((one for one in closed if one.account.name == name), None)
    if found is None:
        names = ", ".join(one.account.name for one in closed) or "none"
        raise ReelqueueError(f"account {name} holds nothing back; these do: {names}")
    return found


def _question(pair_count: int, foreign_count: int, opened: list[Closed]) -> str:
    said = [
        f"{pair_count} tasks go to jobs" if pair_count else "",
        f"{foreign_count} are ruled out" if foreign_count else "",
    ]
    risky = ", ".join(f"{one.account.name} ({len(one.tasks())} tasks open)" for one in opened)
    said.append(f"{risky}: takes submits although their jobs may be paid for twice" if opened else "")
    return "; ".join(filter(None, said)) + ". Go on?"


def _rule_out(context: Context, strangers: list[tuple[Closed, str]]) -> None:
    for one, task_id in strangers:
        with context.sessions.begin() as session:
            gate = ensure_gate(session, one.account.id)
            gate.foreign_task_ids = sorted({*gate.foreign_task_ids, task_id})
        typer.echo(f"task {task_id} is no job's here")


def _compare_again(context: Context, closed: list[Closed]) -> None:
    for one in closed:
        compare_account(context, one.account)


def _open(context: Context, opened: list[Closed]) -> None:
    for one in opened:
        with context.sessions.begin() as session:
            open_gate(ensure_gate(session, one.account.id), context.clock.now(session), by_operator=True)
        typer.echo(f"account {one.account.name} takes submits")
