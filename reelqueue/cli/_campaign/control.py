"""Commands that list, pause, resume, approve, cancel and retry campaigns, and export their results."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.table import Column

from reelqueue.campaigns.open_file import campaign_name
from reelqueue.campaigns.report.summary import counted
from reelqueue.cli._campaign.exports import FormatName, Output, save_export
from reelqueue.cli._jobs import AsJson, Running, connect
from reelqueue.cli._output import moment, print_json, print_json_array, print_line, print_table, shown, talk
from reelqueue.schemas.campaigns import Campaign, RetriedClips, WaitingClips
from reelqueue.states import FailureClass, RenderState

Name = Annotated[str, typer.Argument(metavar="NAME", help="The campaign's name.")]
IsAgreed = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is paid for.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show how many they are and what they cost.")]


class Ended(StrEnum):
    """How clips ended that can be rendered again."""

    FAILED = "failed"
    MODERATED = "moderated"
    LOST = "lost"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


def list_(
    *, limit: Annotated[int, typer.Option(min=1, max=200, help="At most this many.")] = 50, as_json: AsJson = False
) -> None:
    """List campaigns, newest first."""
    with connect() as client:
        found = client.campaigns.list(limit=limit)
    if as_json:
        print_json_array(found)
        return
    titles = ("campaign", "phase", "clips", "ended", "a minute", "spent", "reserved", "cap", "created")
    columns = (Column(title, no_wrap=True) for title in titles)
    print_table(columns, map(_row, found), spare=("a minute", "created", "reserved", "cap", "spent", "ended"))
    for campaign in found:
        _talk_of_budget(campaign)


def pause(name: Name, *, as_json: AsJson = False) -> None:
    """Submit nothing more of a campaign until it is resumed."""
    with connect() as client:
        _say(client.campaigns.pause(name), as_json=as_json)


def resume(name: Name, *, as_json: AsJson = False) -> None:
    """Resume a campaign; its breaker counts from zero."""
    with connect() as client:
        _say(client.campaigns.resume(name), as_json=as_json)


def approve(name: Name, *, is_agreed: IsAgreed = False, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Let the clips behind a campaign's canary be rendered; shows first how many they are and what they cost."""
    with connect() as client:
        waiting = client.campaigns.waiting(name)
        talk(
            f"{counted(waiting.count, 'clip')} waiting, {price_words(waiting)}"
            if waiting.count
            else "no clip is waiting"
        )
        if dry_run:
            if as_json:
                print_json(waiting)
            return
        if waiting.count:
            _agree("Render them?", "nothing was approved", is_agreed=is_agreed)
        _say(client.campaigns.approve(name, agreed=None if is_agreed else waiting), as_json=as_json)


def cancel(
    name: Name,
    *,
    running: Annotated[
        Running, typer.Option(help="Videos that are rendering are billed anyway: collect them, or leave them there.")
    ] = Running.FINISH,
    as_json: AsJson = False,
) -> None:
    """Stop a campaign for good."""
    with connect() as client:
        _say(client.campaigns.cancel(name, running=running.value), as_json=as_json)


def retry(
    name: Name,
    *,
    state: Annotated[list[Ended] | None, typer.Option(help="Only clips that ended so; repeatable.")] = None,
    failure_class: Annotated[
        list[FailureClass] | None, typer.Option("--class", help="Only clips that failed by this; repeatable.")
    ] = None,
    code: Annotated[list[str] | None, typer.Option(help="Only clips with this code; repeatable.")] = None,
    custom_id: Annotated[list[str] | None, typer.Option(help="Only this clip; repeatable.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only clips of which this holds, such as var.style=noir or row=17..40; repeatable."),
    ] = None,
    is_agreed: IsAgreed = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Render clips of a campaign again that ended without a video."""
    which: dict[str, Any] = {
        "states": [one.value for one in state or ()],
        "classes": [one.value for one in failure_class or ()],
        "codes": code or [],
        "custom_ids": custom_id or [],
        "where": where or [],
    }
    with connect() as client:
        found = client.campaigns.retry(name, **which, dry_run=True)
        talk(f"{counted(found.count, 'clip')}, {price_words(found)}: {', '.join(found.custom_ids[:10])}")
        if not dry_run and found.count:
            _agree("Render them again?", "nothing was queued", is_agreed=is_agreed)
            found = client.campaigns.retry(name, **which, agreed=None if is_agreed else found)
    if as_json:
        print_json(found)
    elif not dry_run:
        print_line(f"queued again: {counted(found.count, 'clip')}")


def results(name: Name, *, output: Output = None, form: FormatName = None) -> None:
    """Bring every clip of a campaign with its file, checksum, seconds, cost and prompt."""
    with connect() as client:
        save_export(client, name, "results", form, output)


def failures(name: Name, *, output: Output = None, form: FormatName = None) -> None:
    """Bring the rows that failed or were moderated, to be corrected and applied again under the same campaign."""
    with connect() as client:
        campaign = client.campaigns.get(name)
        save_export(client, name, "failures", form, output)
    if not any(campaign.counts.get(state) for state in (RenderState.FAILED, RenderState.MODERATED, RenderState.LOST)):
        talk("no clip has failed: there is no row to correct")
        return
    if output is None:
        return
    option = "" if campaign_name(output) == name else f" --name {shlex.quote(name)}"
    beside = campaign.file_name or "the campaign file"  # from where paths of pictures lead
    talk(f"correct the rows; then, beside {beside}: reelqueue campaign apply {shlex.quote(str(output))}{option}")


COMMANDS: Final = (list_, pause, resume, approve, cancel, retry, results, failures)


def price_words(cost: RetriedClips | WaitingClips) -> str:
    """The most that clips cost, or that no price is known, for a sentence."""
    named = ", ".join(cost.unpriced_ids[:3])
    if cost.currency is None:
        return f"no price is known, as of {named}" if named else "no price is published"
    unpriced = f", without {cost.unpriced_count} that have no known price, such as {named}" if named else ""
    return f"at most {cost.max_amount:,.2f} {cost.currency}{unpriced}"


def _agree(question: str, otherwise: str, *, is_agreed: bool) -> None:
    if is_agreed:
        return
    if not sys.stdin.isatty():
        talk(f"{otherwise}: say --yes, as there is no terminal to ask at")
        raise typer.Exit(1)
    typer.confirm(question, abort=True, err=True)


def _say(campaign: Campaign, *, as_json: bool) -> None:
    if as_json:
        print_json(campaign)
    else:
        print_line(f"{campaign.phase}: {campaign.reason}" if campaign.reason else str(campaign.phase))
        _talk_of_budget(campaign)


def _talk_of_budget(campaign: Campaign) -> None:
    """Say how much a budget that has ended lacks, and the command that adds it."""
    if campaign.shortfall is not None:
        talk(f"{campaign.name} lacks {campaign.shortfall.words}")
        talk(f"  {campaign.shortfall.command}")


def _row(campaign: Campaign) -> tuple[str, ...]:
    money = campaign.money[0] if campaign.money else None
    return (
        campaign.name,
        f"{campaign.phase}, blocked" if campaign.is_blocked else campaign.phase,
        str(campaign.clip_count),
        str(campaign.finished_count),
        f"{campaign.clips_per_minute:g}",
        f"{money.spent:,.2f} {money.currency}" if money else "-",
        f"{money.reserved:,.2f}" if money else "-",
        shown(money.cap if money else None, lambda amount: f"{amount:,.2f}"),
        moment(campaign.created_at),
    )
