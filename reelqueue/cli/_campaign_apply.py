"""Commands that compare a campaign file with the server, and hand its clips over."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, Final, Self

import typer
from rich.console import Console
from rich.progress import Progress

from reelqueue.campaigns import open_campaign
from reelqueue.campaigns.checking import Checked, campaign_warnings, check_file, eta_of, measured_eta
from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.eta import Eta
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.plan import Known, Novelty, Plan
from reelqueue.campaigns.problems import CampaignFileError
from reelqueue.campaigns.reading import MANIFESTS
from reelqueue.campaigns.repair import RepairFiles
from reelqueue.campaigns.report import counted, verdict
from reelqueue.campaigns.wire import clip_object
from reelqueue.cli._campaign import (
    CampaignPath,
    EncodingName,
    RenderSeconds,
    WithUrls,
    checked_object,
    print_checked,
    read_quantiles,
)
from reelqueue.cli._canary import CanaryCount, set_canary, steps_after_canary
from reelqueue.cli._jobs import AsJson, connect
from reelqueue.cli._output import print_json, print_line, printable, talk
from reelqueue.cli._render import video_base_url
from reelqueue.client import Client
from reelqueue.errors import NotFoundError
from reelqueue.prices import region_of

BATCH_LINES: Final = 1_000
_MODELS_MAX: Final = 100
BATCH_BYTES: Final = 8 * 1024**2
"""Pictures may stand in the clips; a batch is sent before it has more than this and one clip."""


def plan(
    file: CampaignPath,
    *,
    encoding: EncodingName = None,
    render_seconds: RenderSeconds = None,
    with_urls: WithUrls = False,
    as_json: AsJson = False,
) -> None:
    """Compare a campaign file with the server: what is new, changed or there already, and what it costs.

    Ends with exit code 1 if anything in it cannot be rendered. Stores nothing.
    """
    with connect() as client, _Spool() as spool:
        checked = _check(client, file, spool, encoding=encoding, with_urls=with_urls)
        time = _time(client, checked.plan, render_seconds)
    _show(file, checked, time, as_json=as_json)
    if checked.log.error_count:
        raise typer.Exit(1)


def apply(
    file: CampaignPath,
    *,
    encoding: EncodingName = None,
    render_seconds: RenderSeconds = None,
    with_urls: WithUrls = False,
    skip_bad_rows: Annotated[bool, typer.Option(help="Render the others where some rows cannot be.")] = False,
    canary: CanaryCount = None,
    is_agreed: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is paid for.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hand a campaign file to the server, which renders what it has not yet.

    Applied again, it buys only what differs; killed on the way, it goes on where it stood.
    """
    with connect() as client, _Spool() as spool:
        checked = _check(client, file, spool, encoding=encoding, with_urls=with_urls)
        if not as_json:
            _show(file, checked, _time(client, checked.plan, render_seconds), as_json=False)
        options = _options(checked, skip_bad_rows=skip_bad_rows)
        if options is None:
            talk("nothing was stored; correct the rows, or leave them out with --skip-bad-rows")
            raise typer.Exit(1)
        _ask(checked, is_agreed=is_agreed)
        _put(client, file, options)
        if canary is not None:
            set_canary(client, options.name, canary)
        stored = _hand_in(client, options.name, spool, checked.plan.buy_count)
    if as_json:
        print_json(checked_object(file, checked, None, []) | {"stored": stored})
    else:
        print_line(f"stored: {stored['new']} new, {stored['changed']} changed, {stored['present']} there already")
        talk(f"watch it: reelqueue campaign watch {options.name!r}")
        _tell_canary(options.name, canary or options.canary)


COMMANDS: Final = (plan, apply)


class _Spool:
    """The clips that the server does not have, between the look at the whole file and the first that is sent."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def keep(self, clip: Clip, novelty: Novelty) -> None:
        """Take a good clip."""
        if novelty is not Novelty.PRESENT:
            self._file.write(json.dumps(clip_object(clip), ensure_ascii=False).encode() + b"\n")

    def batches(self) -> Iterator[list[bytes]]:
        """What was kept, in parts that the server takes."""
        self._file.seek(0)
        batch, size_bytes = list[bytes](), 0
        for line in self._file:
            batch.append(line.rstrip(b"\n"))
            size_bytes += len(line)
            if len(batch) >= BATCH_LINES or size_bytes >= BATCH_BYTES:
                yield batch
                batch, size_bytes = [], 0
        if batch:
            yield batch


def _check(client: Client, file: Path, spool: _Spool, *, encoding: str | None, with_urls: bool) -> Checked:
    """Read the whole file against what the server has."""
    known = _known(client, file, encoding)
    repair = RepairFiles(file)
    with repair:
        checked = check_file(
            file,
            region=region_of(video_base_url()),
            encoding=encoding,
            sink=repair,
            with_urls=with_urls,
            known=known,
            keep=spool.keep,
        )
    if checked.log.error_count + checked.log.warning_count:
        talk(f"every problem: {repair.errors_path}")
    if repair.bad_path is not None:
        talk(f"the bad rows, to be corrected and applied: {repair.bad_path}")
    return checked


def _known(client: Client, file: Path, encoding: str | None) -> Known:
    try:
        with open_campaign(file, encoding=encoding, local_files=True) as opened:
            name = opened.options.name
    except CampaignFileError:
        return Known()  # the check says what is wrong with it
    try:
        return client.campaigns.known(name)
    except NotFoundError:
        return Known()


def _time(client: Client, plan: Plan, render_seconds: str | None) -> Eta | None:
    """How long it takes: as told, or as the server has measured."""
    quantiles = read_quantiles(render_seconds)
    if quantiles is not None:
        return eta_of(plan, *quantiles)
    return measured_eta(plan, client.campaigns.speeds(list(plan.models)[:_MODELS_MAX])) if plan.models else None


def _show(file: Path, checked: Checked, time: Eta | None, *, as_json: bool) -> None:
    limits = campaign_warnings(checked.options, checked.plan, time, datetime.now(UTC)) if checked.options else []
    if as_json:
        print_json(checked_object(file, checked, time, limits))
        return
    print_checked(checked, time, limits)
    counts = ", ".join(f"{count} {novelty}" for novelty, count in checked.plan.counts.items())
    print_line(f"against the server: {counts}")


def _options(checked: Checked, *, skip_bad_rows: bool) -> CampaignOptions | None:
    """How the campaign is run; None where the file may not be applied as it is."""
    if checked.log.file_error_count or (checked.log.error_count and not skip_bad_rows):
        talk(verdict(checked.log))
        return None
    return checked.options


def _put(client: Client, file: Path, options: CampaignOptions) -> None:
    """Set how the campaign is run; rows alone say nothing about that, and must not take its budget away."""
    if file.suffix.lower() not in MANIFESTS and _is_there(client, options.name):
        return
    client.campaigns.put(options, file_name=file.name)


def _tell_canary(name: str, count: int | None) -> None:
    if count is not None:
        talk(f"{counted(count, 'clip')} first, then somebody decides:")
        for what, command in steps_after_canary(name):
            talk(f"  {what}: {command}")


def _is_there(client: Client, name: str) -> bool:
    try:
        client.campaigns.get(name)
    except NotFoundError:
        return False
    return True


def _ask(checked: Checked, *, is_agreed: bool) -> None:
    if is_agreed or not checked.plan.buy_count:
        return
    total = checked.plan.total
    price = f" for at most {total.max_amount:,.2f} {total.currency}" if total.currency else ""
    if not sys.stdin.isatty():
        talk("nothing was stored: say --yes, as nobody can be asked here")
        raise typer.Exit(1)
    typer.confirm(f"Render {counted(checked.plan.buy_count, 'clip')}{price}?", abort=True, err=True)


def _hand_in(client: Client, name: str, spool: _Spool, count: int) -> dict[str, int]:
    stored = {"new": 0, "changed": 0, "present": 0}
    console = Console(stderr=True)
    bar: AbstractContextManager[Any] = Progress(console=console) if console.is_terminal else nullcontext()
    with bar:
        task = bar.add_task("handing in", total=count) if isinstance(bar, Progress) else None
        for batch in spool.batches():
            answer = client.campaigns.hand_in(name, batch)
            if answer.bad:
                first = answer.problems[0]
                talk(printable(f"the server refuses {first.custom_id}: {first.message}"))
                raise typer.Exit(1)
            for word in stored:
                stored[word] += getattr(answer, word)
            if isinstance(bar, Progress) and task is not None:
                bar.advance(task, len(batch))
    return stored
