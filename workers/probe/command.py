"""``python -m workers probe``: asks the real service, says the price before, and never exceeds it."""

from __future__ import annotations

import logging
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Final

import typer
from sqlalchemy import select

from models.account import DEFAULT_ACCOUNT_NAME, Account
from models.campaign import Campaign
from models.logs import configure_logs
from reelqueue.catalog.price_list import CURRENCY_BY_REGION
from reelqueue.errors import ReelqueueError
from reelqueue.schemas.statement import money_text
from workers.dispatch.default_account import ensure_default_account
from workers.operator.console import open_context
from workers.probe.capture import capture
from workers.probe.lab import Lab
from workers.probe.paid.plan import Plan, make_plan
from workers.probe.report import finding_lines, plan_lines, rendered_lines
from workers.probe.run import QUESTIONS, Rendered, ask_free, ask_paid
from workers.runtime.context import Context

_MOST_AMOUNT: Final = Decimal(1000)

SpendMax = Annotated[
    str,
    typer.Option(
        metavar="AMOUNT", help="The most that it may cost, in the account's currency; 0: free questions only."
    ),
]
AccountName = Annotated[str, typer.Option("--account", help="Which account is asked.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the steps and their costs; send nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
CaptureFile = Annotated[
    Path | None,
    typer.Option("--capture", metavar="FILE", help="Write the answers for `python -m simulator --replay FILE`."),
]


def probe_command(
    *,
    spend_max: SpendMax = "0",
    account: AccountName = DEFAULT_ACCOUNT_NAME,
    dry_run: DryRun = False,
    yes: Yes = False,
    capture_file: CaptureFile = None,
) -> None:
    """Ask the service what its documentation leaves open; see docs/first-real-render.md.

    What is rendered are jobs of a campaign whose budget is the amount. It may run beside workers.
    """
    configure_logs(logging.WARNING)  # the report is for a terminal
    amount = _read_amount(spend_max)
    with open_context() as context:
        lab = Lab.open(context, _account(context, account), typer.echo)
        context.key_of(lab.account)  # refuses where none is set, and plan keys
        plan = _plan(lab, amount)
        for line in plan_lines(plan):
            typer.echo(line)
        if dry_run:
            typer.echo("nothing was sent")
            return
        _check_capture(capture_file)
        if plan.taken and not yes:
            typer.confirm(f"spend at most {money_text(plan.most)} {plan.currency}?", abort=True)
        rendered = run_probe(lab, plan)
        if capture_file is not None:
            capture_file.write_text(capture(lab, QUESTIONS, _now(context)), encoding="utf-8")
    if rendered is not None and any(clip.is_watched for clip in rendered.clips):
        typer.echo("some tasks still render: workers follow them (./run up --live)", err=True)


def run_probe(lab: Lab, plan: Plan) -> Rendered | None:
    """Ask everything, and say what was found."""
    ask_free(lab)
    rendered = ask_paid(lab, plan)
    for line in finding_lines(QUESTIONS, lab.findings):
        lab.say(line)
    if rendered is not None:
        with lab.context.sessions() as session:
            campaign = session.scalars(select(Campaign).where(Campaign.name == rendered.campaign)).one()
            for line in rendered_lines(rendered, campaign.spent_amount, campaign):
                lab.say(line)
    return rendered


def _check_capture(file: Path | None) -> None:
    """Refuse a file that cannot be written, before its answers are paid for."""
    try:
        if file is not None:
            file.open("ab").close()
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}", param_hint="--capture") from error


def _plan(lab: Lab, amount: Decimal) -> Plan:
    with lab.context.sessions() as session:
        return make_plan(session, lab.account, amount, CURRENCY_BY_REGION.get(lab.account.region, "USD"))


def _now(context: Context) -> datetime:
    with context.sessions() as session:
        return context.clock.now(session)


def _account(context: Context, name: str) -> Account:
    with context.sessions.begin() as session:
        if name == DEFAULT_ACCOUNT_NAME:
            ensure_default_account(session, context)
        found = session.scalars(select(Account).where(Account.name == name)).one_or_none()
        if found is None:
            known = ", ".join(session.scalars(select(Account.name).order_by(Account.name)))
            raise ReelqueueError(f"there is no account named {name}; there are: {known}")
        if found.paused_at is not None:
            raise ReelqueueError(f"account {name} is paused: {found.paused_reason}; resume it first")
        return found


def _read_amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise typer.BadParameter(f"{text!r} is no amount such as 1.00", param_hint="--spend-max") from error
    if not amount.is_finite() or not 0 <= amount <= _MOST_AMOUNT:
        raise typer.BadParameter(f"must be from 0 to {_MOST_AMOUNT}, not {text}", param_hint="--spend-max")
    return amount
