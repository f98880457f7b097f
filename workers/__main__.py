"""``python -m workers``: commands for operators, who may reach the database."""

from __future__ import annotations

import json
import sys
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.exc import SQLAlchemyError

from models.logs import configure_logs
from models.operations.campaigns.counts import recount
from models.operations.scheduling.poll_wakeups import wake_for
from reelqueue.errors import ReelqueueError
from workers.audit.archive_files import SAMPLE, audit_archive
from workers.audit.check import Finding
from workers.audit.invariants import audit
from workers.audit.provider import audit_provider
from workers.audit.text_bill import audit_texts
from workers.operator.accounts import accounts
from workers.operator.bill import bill
from workers.operator.caps import caps
from workers.operator.channels.commands import notify
from workers.operator.console import AsJson, Since, open_context, read_window
from workers.operator.doctor import examine
from workers.operator.double_payments import explain_command
from workers.operator.keys import keys
from workers.operator.manual_review import acceptable, adopt, apply_found, questions, resubmit, write_off
from workers.operator.money import adopt_orphans_command, statement_command
from workers.operator.prices import prices
from workers.operator.record.why import why_command
from workers.operator.recover import recover_command
from workers.operator.texts import texts
from workers.probe.command import probe_command
from workers.quarantine.release import quarantined, retry
from workers.runtime.context import Context

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Commands for operators of Reelqueue.")
cli.add_typer(accounts, name="accounts")
cli.add_typer(keys, name="keys")
cli.add_typer(texts, name="texts")
cli.add_typer(bill, name="bill")
cli.add_typer(caps, name="caps")
cli.add_typer(notify, name="notify")
cli.add_typer(prices, name="prices")
review = typer.Typer(no_args_is_help=True, help="Jobs whose paid task could neither be proved nor ruled out.")
cli.add_typer(review, name="review")

AgainstArchive = Annotated[
    bool, typer.Option("--archive", help=f"Look for files in the archive as well: {SAMPLE} by chance.")
]
EveryFile = Annotated[bool, typer.Option("--every-file", help="Look for every file; a question to the archive each.")]
AgainstProvider = Annotated[bool, typer.Option("--provider", help="Compare with the provider's own list as well.")]
Recount = Annotated[
    bool, typer.Option("--recount", help="First set the numbers that campaigns show to what their rows are.")
]


@cli.command("doctor")
def doctor_command(*, as_json: AsJson = False) -> None:
    """Check everything that a render needs: one line each, with the remedy. Exit code 1 if a check fails."""
    from workers.app import app

    is_healthy = True
    with open_context() as context:
        for line in examine(context, app):
            typer.echo(json.dumps(vars(line)) if as_json else str(line))
            is_healthy &= line.is_healthy
    raise typer.Exit(0 if is_healthy else 1)


@cli.command("audit")
def audit_command(
    *,
    provider: AgainstProvider = False,
    since: Since = "24h",
    archive: AgainstArchive = False,
    every_file: EveryFile = False,
    recounted: Recount = False,
    as_json: AsJson = False,
) -> None:
    """Check every invariant, and show the rows that break one. Exit code 1 if any is broken.

    A warning tells of a bill that was above its reservation; it is entered, and breaks nothing.
    """
    with open_context() as context:
        if recounted:
            with context.sessions.begin() as session:
                typer.echo(f"{recount(session)} sums of campaigns corrected", err=True)
        with context.sessions.begin() as session:
            findings = audit(session)
        if archive or every_file:
            findings.append(audit_archive(context, is_whole=every_file))
        if provider:
            findings += audit_provider(context, window=read_window(since))
            findings += audit_texts(context)
    for finding in findings:
        _show(finding, as_json=as_json)
    broken = sum(finding.is_broken for finding in findings)
    warnings = sum(bool(finding.rows) for finding in findings) - broken
    noted = f", {warnings} {'warning' if warnings == 1 else 'warnings'}" if warnings else ""
    typer.echo(f"{len(findings)} invariants checked, {broken} broken{noted}", err=True)
    raise typer.Exit(1 if broken else 0)


def _show(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        shown = {"check": finding.check.name, "holds": not finding.is_broken, "rows": finding.rows}
        typer.echo(json.dumps(shown, default=str))
        return
    word = "BROKEN" if finding.is_broken else "WARN  " if finding.rows else "ok    "
    typer.echo(f"{word} {finding.check.name}: {finding.check.promise}")
    for row in finding.rows:
        typer.echo("         " + " ".join(f"{name}={value}" for name, value in row.items()))


cli.command("why")(why_command)
cli.command("explain")(explain_command)
cli.command("adopt")(adopt_orphans_command)
cli.command("statement")(statement_command)
cli.command("recover")(recover_command)
cli.command("probe")(probe_command)


@review.command("list")
def list_questions_command(*, as_json: AsJson = False) -> None:
    """Show the jobs under review, where to look for their tasks, and those that were set aside."""
    with open_context() as context, context.sessions.begin() as session:
        found = [*questions(session, context), *quarantined(session)]
    for question in found:
        shown = vars(question)
        line = " ".join(f"{name}={value}" for name, value in shown.items())
        typer.echo(json.dumps(shown, default=str) if as_json else line)
    typer.echo(f"{len(found)} under review", err=True)


@review.command("adopt")
def adopt_command(job_id: UUID, provider_task_id: str) -> None:
    """Adopt a task for a job under review: poll it, or take the result that was kept of it."""
    with open_context() as context:
        _adopt(context, job_id, provider_task_id)


@review.command("accept")
def accept_command(
    job_ids: Annotated[list[UUID] | None, typer.Argument(help="Only these jobs; unless given, all.")] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Adopt the tasks that `review list` proposes, as far as they have ended."""
    with open_context() as context:
        with context.sessions() as session:
            pairs = acceptable(questions(session, context))
        proposed = [(job_id, task_id) for job_id, task_id in pairs if not job_ids or job_id in job_ids]
        for job_id, task_id in proposed:
            typer.echo(f"render job {job_id} <- task {task_id}")
        if proposed and not yes:
            typer.confirm(f"adopt {len(proposed)} tasks?", abort=True)
        for job_id, task_id in proposed:
            _adopt(context, job_id, task_id)
    typer.echo(f"{len(proposed)} adopted", err=True)


def _adopt(context: Context, job_id: UUID, provider_task_id: str) -> None:
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        next_poll = adopt(session, job_id, provider_task_id, now=now)
        effects = apply_found(session, job_id, provider_task_id, context.settings, now=now)
        wake = wake_for(session, next_poll)
    if wake is not None:
        context.hints.poll(wake, now=now)
    for to_fetch, model in effects.to_fetch:
        context.hints.archive(to_fetch, model)
    typer.echo(f"render job {job_id} follows task {provider_task_id}")


@review.command("resubmit")
def resubmit_command(job_id: UUID) -> None:
    """Submit a job under review again, and pay for that: the provider has no task of it."""
    with open_context() as context:
        with context.sessions.begin() as session:
            resubmit(session, job_id, now=context.clock.now(session))
        context.hints.dispatch()
    typer.echo(f"render job {job_id} is queued again")


@review.command("retry")
def retry_command(job_id: UUID) -> None:
    """Take a job out of quarantine: it continues where it stopped, and what is paid for is not rendered again."""
    with open_context() as context:
        with context.sessions.begin() as session:
            now = context.clock.now(session)
            wake = retry(session, job_id, now=now)
        if wake is not None:
            context.hints.poll(wake, now=now)
        context.hints.dispatch()
    typer.echo(f"render job {job_id} goes on")


@review.command("write-off")
def write_off_command(job_id: UUID) -> None:
    """End a job under review as failed, and count what its task may have cost."""
    with open_context() as context, context.sessions.begin() as session:
        write_off(session, job_id, now=context.clock.now(session))
    typer.echo(f"render job {job_id} is written off")


def main() -> None:
    """Run a command; a known error is one line and exit code 1."""
    configure_logs()
    try:
        cli()
    except (ReelqueueError, SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        typer.echo(f"error: {reason}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
