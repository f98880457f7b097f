"""Commands `campaign plan` and `campaign apply`: compare a file with the server, and submit its clips."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from reelqueue.campaigns import open_campaign
from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.open_file import MANIFESTS
from reelqueue.campaigns.options import CampaignOptions, changed_options
from reelqueue.campaigns.plan.check_file import Checked, campaign_warnings, check_file, eta_of, measured_eta
from reelqueue.campaigns.plan.cost_plan import Plan
from reelqueue.campaigns.plan.eta import Eta
from reelqueue.campaigns.plan.model_ends import late_models
from reelqueue.campaigns.plan.server_diff import RENDERED_CHANGES, ClipChange, ServerState
from reelqueue.campaigns.problem import CampaignFileError
from reelqueue.campaigns.report.rehearsal import Rehearsal
from reelqueue.campaigns.report.repair_files import RepairFiles
from reelqueue.campaigns.report.summary import counted, verdict
from reelqueue.cli._campaign.canary import CanaryCount, told_of_canary, with_canary
from reelqueue.cli._campaign.check import (
    CampaignPath,
    EncodingName,
    RenderSeconds,
    RowsPath,
    SheetName,
    WithUrls,
    checked_object,
    print_checked,
    read_quantiles,
    tell_bad_rows,
)
from reelqueue.cli._campaign.control import price_words
from reelqueue.cli._campaign.options import read_changes, with_campaign_options
from reelqueue.cli._campaign.rehearsal import print_rehearsal, rehearse
from reelqueue.cli._campaign.upload import CampaignUpload
from reelqueue.cli._jobs import AsJson, connect
from reelqueue.cli._output import print_json, print_line, printable, talk
from reelqueue.cli._render import video_base_url
from reelqueue.client import Client
from reelqueue.errors import InvalidRequestError, NotFoundError
from reelqueue.pricing import region_of
from reelqueue.schemas.campaigns import Campaign, ImportedClips, WaitingClips

_MODELS_MAX: Final = 100


class _Source(NamedTuple):
    """A campaign file, and what the server has of it."""

    file: Path
    encoding: str | None
    sheet: str | None
    changes: Mapping[str, object]
    """Options of the campaign from the command line."""
    rows: Path | None
    """Rows in the place of the manifest's own."""
    with_urls: bool
    options: CampaignOptions | None
    """None where the file cannot even be opened as one."""
    campaign: Campaign | None
    """Of its name, on the server."""
    known: ServerState


@with_campaign_options
def plan(
    file: CampaignPath,
    *,
    encoding: EncodingName = None,
    rows: RowsPath = None,
    sheet: SheetName = None,
    render_seconds: RenderSeconds = None,
    with_urls: WithUrls = False,
    with_rehearsal: Annotated[
        bool, typer.Option("--rehearse", help="Play the file against a simulator in this process: no key, no cost.")
    ] = False,
    as_json: AsJson = False,
    **options: str | None,
) -> None:
    """Compare a campaign file with the server: what is new, changed or there already, and what it costs.

    Ends with exit code 1 if anything in it cannot be rendered. Stores nothing.
    """
    if with_rehearsal and rows is not None:
        why = "--rehearse: plays the rows of the file itself; leave --rows out"
        raise InvalidRequestError("conflicting_options", why, "rehearse")
    changes = read_changes(options)
    with connect() as client:
        source = _source(client, file, encoding, sheet, changes, rows, with_urls=with_urls)
        checked = _check(source)
        time = _time(client, checked.plan, render_seconds)
        late = _late(client, checked)
    rehearsal = rehearse(file, encoding=encoding, sheet=sheet, changes=changes) if with_rehearsal else None
    _show(source, checked, time, as_json=as_json, rehearsal=rehearsal)
    for line in late:
        talk(f"error: {line}")
    if checked.log.error_count or late:
        raise typer.Exit(1)


@with_campaign_options
def apply(
    file: CampaignPath,
    *,
    encoding: EncodingName = None,
    rows: RowsPath = None,
    sheet: SheetName = None,
    render_seconds: RenderSeconds = None,
    with_urls: WithUrls = False,
    skip_bad_rows: Annotated[bool, typer.Option(help="Render the others where some rows cannot be.")] = False,
    canary: CanaryCount = None,
    is_agreed: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is paid for.")] = False,
    undo_repairs: Annotated[
        bool,
        typer.Option("--undo-repairs", help="With --yes: let clips that failed take the place of repaired ones."),
    ] = False,
    as_json: AsJson = False,
    **options: str | None,
) -> None:
    """Hand a campaign file to the server, which renders what it has not yet.

    Stored as a whole or not at all. Applied again, it renders only what differs.
    """
    with connect() as client:
        source = _source(client, file, encoding, sheet, read_changes(options), rows, with_urls=with_urls)
        name = source.options.name if source.options else ""
        with CampaignUpload(client, name, _options(source, canary), (rows or file).name) as upload:
            checked = _checked_by_both(source, upload)
            if not as_json:
                _show(source, checked, _time(client, checked.plan, render_seconds), as_json=False)
            if not _is_applicable(checked, skip_bad_rows=skip_bad_rows):
                talk("nothing was stored; correct the rows, or leave them out with --skip-bad-rows")
                raise typer.Exit(1)
            if is_agreed and not undo_repairs:
                _refuse_to_undo(checked.plan)
            agreed = None if is_agreed else _ask(checked.plan, upload)
            stored = upload.commit(checked.csv_style, agreed=agreed)
        campaign = client.campaigns.get(name)
    if as_json:
        counts = stored.model_dump(mode="json", exclude={"bad", "problems"})
        print_json(checked_object(file, checked, None, []) | {"stored": counts})
        return
    _tell_stored(stored, checked.plan)
    talk(f"watch it: reelqueue campaign watch {shlex.quote(name)}")
    for line in told_of_canary(campaign):
        talk(line)


def _tell_stored(stored: ImportedClips, plan: Plan) -> None:
    """Say what has become of the clips of the file."""
    unchanged = stored.present + plan.counts[ClipChange.PRESENT]
    rest = _told({"restored": stored.restored, "shared": stored.shared, "amended": stored.amended})
    print_line(f"stored: {stored.new} new, {stored.changed} changed, {unchanged} there already{rest}")


COMMANDS: Final = (plan, apply)


def _source(
    client: Client,
    file: Path,
    encoding: str | None,
    sheet: str | None,
    changes: Mapping[str, object],
    rows: Path | None,
    *,
    with_urls: bool,
) -> _Source:
    unknown = _Source(file, encoding, sheet, changes, rows, with_urls, None, None, ServerState())
    try:
        with open_campaign(
            file, encoding=encoding, sheet=sheet, changes=changes, rows=rows, local_files=True
        ) as opened:
            options = opened.options
    except CampaignFileError:  # the check says what is wrong with it
        return unknown
    try:
        campaign = client.campaigns.get(options.name)
    except NotFoundError:
        return unknown._replace(options=options)
    return unknown._replace(options=options, campaign=campaign, known=client.campaigns.known(options.name))


def _options(source: _Source, canary: int | None) -> CampaignOptions | None:
    """How the campaign is run; rows alone say nothing about that, and must not take its budget away.

    The command line wins over the file, and the file over what the server has.
    """
    campaign = source.campaign
    options = source.options
    if campaign is not None and source.file.suffix.lower() not in MANIFESTS:
        options = changed_options(campaign.options, source.changes) if source.changes else None
    return options if canary is None else with_canary(source.campaign, options, canary)


def _check(
    source: _Source,
    keep: Callable[[Clip, ClipChange], None] | None = None,
    refused: Mapping[str, InvalidRequestError] | None = None,
) -> Checked:
    """Read the whole file against what the server has."""
    repair = RepairFiles(source.file)
    with repair:
        checked = check_file(
            source.file,
            region=region_of(video_base_url()),
            encoding=source.encoding,
            sheet=source.sheet,
            changes=source.changes,
            rows=source.rows,
            sink=repair,
            with_urls=source.with_urls,
            known=source.known,
            keep=keep,
            refused=refused or {},
        )
    if checked.log.error_count + checked.log.warning_count:
        talk(f"every problem: {repair.errors_path}")
    tell_bad_rows(source.file, repair, source.changes.get("name"))
    return checked


def _checked_by_both(source: _Source, upload: CampaignUpload) -> Checked:
    """Check the file here and on the server; what only that refuses is found in the file by reading it again."""
    checked = _check(source, upload.keep)
    upload.finish()
    if not upload.refused:
        return checked
    talk(
        f"the server refuses {counted(len(upload.refused), 'clip')} that this version takes; "
        "use the same version of reelqueue on both sides"
    )
    return _check(source, refused=upload.refused)


def _time(client: Client, plan: Plan, render_seconds: str | None) -> Eta | None:
    """How long it takes: as told, or as the server has measured."""
    quantiles = read_quantiles(render_seconds)
    if quantiles is not None:
        return eta_of(plan, *quantiles)
    return measured_eta(plan, client.campaigns.speeds(list(plan.models)[:_MODELS_MAX])) if plan.models else None


def _late(client: Client, checked: Checked) -> list[str]:
    """What a server would refuse, as the provider takes a model away before its clips can be rendered."""
    counts = {part.model: part.clip_count for part in checked.plan.models.values()}
    now, run_at = datetime.now(UTC), checked.options.run_at if checked.options else None
    speeds = client.campaigns.speeds(list(counts)[:_MODELS_MAX]) if counts else ()
    return late_models(counts, speeds, begin=max(now, run_at or now), slack=timedelta(0))


def _show(
    source: _Source, checked: Checked, time: Eta | None, *, as_json: bool, rehearsal: Rehearsal | None = None
) -> None:
    plan = checked.plan
    limits = campaign_warnings(checked.options, plan, time, datetime.now(UTC)) if checked.options else []
    if as_json:
        played = {"rehearsal": rehearsal.model_dump(mode="json")} if rehearsal else {}
        print_json(checked_object(source.file, checked, time, limits) | played)
        return
    print_checked(checked, time, limits)
    always = (*RENDERED_CHANGES, ClipChange.PRESENT)
    counts = ", ".join(f"{plan.counts[change]} {change}" for change in always)
    print_line(f"against the server: {counts}{_told({n: c for n, c in plan.counts.items() if n not in always})}")
    # Those that undo a repair are told apart: until this is applied, there is nothing to retry.
    if (ended_count := plan.ended_count - plan.undone_count) and checked.options:
        ended = f"{counted(ended_count, 'clip')} ended without a video, and will not be rendered again by this"
        print_line(f"{ended}: reelqueue campaign retry {shlex.quote(checked.options.name)}")
    if plan.undone_count:
        print_line(printable(_undone(source, plan)))
    if rehearsal is not None:
        print_rehearsal(rehearsal)


def _undone(source: _Source, plan: Plan) -> str:
    """What is lost from the results where earlier, failed clips come back."""
    more = ", ..." if plan.undone_count > len(plan.undone) else ""
    failed = f"{_rows_go_back(plan)} clips that failed: {', '.join(one.custom_id for one in plan.undone)}{more}"
    last = source.campaign.file_name if source.campaign else None
    where = f"in {last}, which was applied last" if last else "in the file that was applied last"
    return f"warning: {failed}; the clips in their place now are {where}: apply that again to have them back"


def _rows_go_back(plan: Plan) -> str:
    return "1 row goes back to" if plan.undone_count == 1 else f"{plan.undone_count} rows go back to"


def _refuse_to_undo(plan: Plan) -> None:
    """Store nothing where failed clips would displace others: ``--yes`` agrees to a price, and to no loss."""
    if not plan.undone_count:
        return
    talk("nothing was stored: --yes alone does not let a clip that failed take the place of a repaired one")
    for one in plan.undone:
        row = f"line {one.line} of {one.file}" if one.line else one.file
        failed, current = (state.replace("_", " ") for state in (one.failed_state, one.current_state))
        talk(f"  {one.custom_id}: the clip of {row} ({failed}) would displace the current one ({current})")
    if (more := plan.undone_count - len(plan.undone)) > 0:
        talk(f"  ... and {more} more")
    talk("correct these rows in the file, or add --undo-repairs to bring the failed clips back")
    raise typer.Exit(1)


def _told(counts: Mapping[str, int]) -> str:
    return "".join(f", {count} {word}" for word, count in counts.items() if count)


def _is_applicable(checked: Checked, *, skip_bad_rows: bool) -> bool:
    if checked.log.file_error_count or (checked.log.error_count and not skip_bad_rows):
        talk(verdict(checked.log))
        return False
    return True


def _ask(plan: Plan, upload: CampaignUpload) -> WaitingClips | None:
    """Ask a person whether to go on; gives what was shown, None where nothing is rendered."""
    if not (plan.buy_count or plan.undone_count):
        return None
    back = f"{_rows_go_back(plan)} failed clips" if plan.undone_count else ""
    if not sys.stdin.isatty():
        talk("nothing was stored: say --yes, as there is no terminal to ask at")
        raise typer.Exit(1)
    shown = upload.price()
    render = _offered(plan, shown) if shown.count else ""
    typer.confirm(f"{'; '.join(part for part in (render, back) if part)}. Apply it?", abort=True, err=True)
    return shown


def _offered(plan: Plan, shown: WaitingClips) -> str:
    """The server's count and price, which may be newer than the tables that the plan was made with."""
    render, price = f"Render {counted(shown.count, 'clip')}", price_words(shown)
    if shown.currency is None:
        return f"{render} ({price})"
    is_newer = (shown.max_amount, shown.currency) != (plan.total.max_amount, plan.total.currency)
    source = f", by {', '.join(shown.priced_by)}" if is_newer else ""
    return f"{render} for {price}{source}"
