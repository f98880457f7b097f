"""Commands `campaign check` and `campaign expand`, which need no server."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Column

from reelqueue.campaigns import ProblemLog, open_campaign
from reelqueue.campaigns.clip_json import clip_object
from reelqueue.campaigns.open_file import MANIFESTS
from reelqueue.campaigns.plan.check_file import Checked, campaign_warnings, check_file, eta_of
from reelqueue.campaigns.plan.cost_plan import ModelPlan
from reelqueue.campaigns.plan.eta import Eta
from reelqueue.campaigns.report.repair_files import RepairFiles
from reelqueue.campaigns.report.summary import counted, plan_object, problem_lines, problems_object, verdict
from reelqueue.cli._jobs import AsJson
from reelqueue.cli._output import print_json, print_line, print_table, printable, talk
from reelqueue.cli._render import video_base_url
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import region_of

campaign = typer.Typer(no_args_is_help=True, help="Many clips from one file.")

_KINDS_MAX: Final = 20
"""Kinds of problem that a terminal shows; the file beside has all."""
_COLUMNS_SHOWN: Final = 10
_WARNINGS_MAX: Final = 10
_SECONDS: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)-([0-9]+(?:\.[0-9]+)?)")

CampaignPath = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV, a workbook (.xlsx), JSON, or a YAML or TOML manifest.")
]
EncodingName = Annotated[str | None, typer.Option(help="Of a CSV file that is no UTF-8, such as cp1252.")]
SheetName = Annotated[str | None, typer.Option("--sheet", help="Of a workbook with several sheets.")]
RenderSeconds = Annotated[
    str | None, typer.Option(help="In which half, and nine of ten clips render, such as 120-240; tells the time.")
]
RowsPath = Annotated[
    Path | None,
    typer.Option("--rows", metavar="FILE", help="Rows in the place of a manifest's own: a corrected copy of bad rows."),
]
WithUrls = Annotated[bool, typer.Option("--check-urls", help="Ask for the head of each reference over the network.")]


@campaign.callback()
def _campaign() -> None:
    """Many clips from one file."""


@campaign.command()
def check(
    file: CampaignPath,
    *,
    encoding: EncodingName = None,
    rows: RowsPath = None,
    sheet: SheetName = None,
    render_seconds: RenderSeconds = None,
    with_urls: WithUrls = False,
    files: Annotated[bool, typer.Option(help="Write the problems and the bad rows into files beside it.")] = True,
    as_json: AsJson = False,
) -> None:
    """Check a campaign file and show what it would render; needs no server and stores nothing.

    Ends with exit code 1 if anything in it cannot be rendered.
    """
    quantiles = read_quantiles(render_seconds)
    repair = RepairFiles(file)
    with repair if files else nullcontext():
        checked = check_file(
            file,
            region=region_of(video_base_url()),
            encoding=encoding,
            rows=rows,
            sheet=sheet,
            sink=repair if files else None,
            with_urls=with_urls,
        )
    time = eta_of(checked.plan, *quantiles) if quantiles else None
    limits = campaign_warnings(checked.options, checked.plan, time, datetime.now(UTC)) if checked.options else []
    if as_json:
        print_json(checked_object(file, checked, time, limits))
    else:
        print_checked(checked, time, limits)
    if files and checked.log.error_count + checked.log.warning_count:
        talk(f"every problem: {repair.errors_path}")
    tell_bad_rows(file, repair)
    if checked.log.error_count:
        raise typer.Exit(1)


def tell_bad_rows(file: Path, repair: RepairFiles, name: object = None) -> None:
    """Say where the bad rows of a file are, and which command applies them once they are corrected.

    Args:
        file: The campaign file.
        repair: Has copied them.
        name: Of the campaign, if the command line gave it one.
    """
    if repair.bad_path is None:
        return
    bad = shlex.quote(str(repair.bad_path))
    is_manifest = file.suffix.lower() in MANIFESTS
    applied = f"{shlex.quote(str(file))} --rows {bad}" if is_manifest else bad
    applied += f" --name {shlex.quote(str(name))}" if name is not None else ""
    talk(f"the bad rows: {repair.bad_path}")
    talk(f"once they are corrected there: reelqueue campaign apply {applied}")


@campaign.command()
def expand(
    file: CampaignPath,
    *,
    encoding: EncodingName = None,
    rows: RowsPath = None,
    sheet: SheetName = None,
) -> None:
    """Write each good clip of a campaign file as one JSON object a line: what its rows, template and matrix make.

    Ends with exit code 1 if anything in it cannot be rendered.
    """
    log = ProblemLog()
    with open_campaign(file, encoding=encoding, sheet=sheet, rows=rows, local_files=True) as opened:
        for clip in opened.clips(log):
            print_line(json.dumps(clip_object(clip)))
    if log.error_count:
        talk(f"{verdict(log)}; see: reelqueue campaign check {file}")
        raise typer.Exit(1)


def read_quantiles(text: str | None) -> tuple[float, float] | None:
    """The two times of ``--render-seconds``."""
    if text is None:
        return None
    seconds = _SECONDS.fullmatch(text)
    if seconds is None or not 0 < float(seconds[1]) <= float(seconds[2]):
        why = f"--render-seconds: must be two times such as 120-240, not {text[:40]!r}"
        raise InvalidRequestError("wrong_type", why, "render_seconds")
    return float(seconds[1]), float(seconds[2])


def checked_object(file: Path, checked: Checked, time: Eta | None, limits: list[str]) -> dict[str, object]:
    """A checked file as JSON has it."""
    options = checked.options.model_dump(mode="json", exclude_none=True) if checked.options else None
    duplicates = checked.campaign.duplicate_count if checked.campaign else 0
    return {
        "file": str(file),
        "campaign": options,
        "kept_columns": checked.campaign.kept_columns if checked.campaign else [],
        "plan": plan_object(checked.plan, time) | {"duplicates": duplicates, "limits": limits},
        "check": problems_object(checked.log),
    }


def print_checked(checked: Checked, time: Eta | None, limits: list[str]) -> None:
    """Show what a checked file would render, and what is wrong with it."""
    plan = checked.plan
    if plan.models:
        titles = ("model", "clips", "seconds", "least", "most", "currency")
        parts = [*plan.models.values(), *([plan.total] if len(plan.models) > 1 else [])]
        print_table((Column(title, no_wrap=True) for title in titles), map(_row, parts))
        print_line("")
    for line in _facts(checked, time, limits):
        print_line(printable(line))
    for line in problem_lines(checked.log.groups, most=_KINDS_MAX):
        print_line(printable(line))
    print_line(verdict(checked.log))


def _row(part: ModelPlan) -> tuple[str, ...]:
    billed = (part.billed_seconds_min, part.billed_seconds_max)
    seconds = str(billed[0]) if billed[0] == billed[1] else f"{billed[0]} to {billed[1]}"
    has_price = part.unpriced_count < part.clip_count
    amounts = (f"{part.min_amount:,.2f}", f"{part.max_amount:,.2f}", part.currency or "-")
    return (part.model, str(part.clip_count), seconds, *(amounts if has_price else ("-", "-", "-")))


def _facts(checked: Checked, time: Eta | None, limits: list[str]) -> Iterator[str]:
    plan, options = checked.plan, checked.options
    if options is not None and plan.clip_count:
        yield f"campaign {options.name}: {counted(plan.clip_count, 'clip')}, to be rendered in {plan.region}"
    if checked.campaign is not None and checked.campaign.duplicate_count:
        yield f"left out, as another sends the same: {counted(checked.campaign.duplicate_count, 'clip')}"
    if checked.campaign is not None and (kept := checked.campaign.kept_columns):
        more = f" and {len(kept) - _COLUMNS_SHOWN} more" if kept[_COLUMNS_SHOWN:] else ""
        columns = ", ".join(kept[:_COLUMNS_SHOWN]) + more
        yield f"{columns}: kept with each clip and shown with it, in exports too; a heading that begins with # is not"
    if options is not None and options.budget is not None:
        yield f"budget: {options.budget.amount} {options.budget.currency}"
    if time is not None:
        half, most = (timedelta(seconds=round(seconds)) for seconds in (time.p50_seconds, time.p90_seconds))
        yield f"time: {half} (nine times in ten at most {most})"
    for told in limits:
        yield f"warning: {told}"
    for warning in plan.warnings[:_WARNINGS_MAX]:
        line = f", first on line {warning.first_line}" if warning.first_line else ""
        yield f"warning: {warning.message} ({counted(warning.count, 'clip')}{line})"
