"""Check and plan a whole campaign file, without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import httpx

from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.open_file import CampaignFile, open_campaign
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.plan.cost_plan import Plan
from reelqueue.campaigns.plan.eta import Eta, Lane, eta
from reelqueue.campaigns.plan.server_diff import ClipChange, ServerState
from reelqueue.campaigns.plan.url_check import URLS_MAX, check_urls, urls_of
from reelqueue.campaigns.problem import CampaignFileError, Problem, Severity
from reelqueue.campaigns.problem_log import ProblemLog, ProblemSink
from reelqueue.campaigns.rows.csv_rows import Spreadsheet
from reelqueue.catalog import lookup
from reelqueue.errors import InvalidRequestError
from reelqueue.schemas.campaigns import CsvStyle, ModelSpeed

_SLOTS: Final = 5
_SUBMITS_PER_SECOND: Final = 5
"""Of a model about which nothing is published: what most have."""


class _Use(NamedTuple):
    """Place of a URL; not the clip itself, which may hold pictures."""

    file: str
    line: int | None
    custom_id: str


@dataclass(slots=True)
class Checked:
    """Result of checking a campaign file."""

    log: ProblemLog
    plan: Plan
    campaign: CampaignFile | None = None
    """Closed by now; None where the file could not even be opened as one."""
    _first_uses: dict[str, _Use] = field(default_factory=dict)

    @property
    def options(self) -> CampaignOptions | None:
        """How the campaign is to be run."""
        return self.campaign.options if self.campaign else None

    @property
    def csv_style(self) -> CsvStyle | None:
        """How the file of rows is written; None: it is no CSV file."""
        source = self.campaign.source if self.campaign else None
        return source.csv_style if isinstance(source, Spreadsheet) else None

    def add(self, clip: Clip, *, with_urls: bool) -> ClipChange:
        """Count one clip."""
        change = self.plan.add(clip)
        if with_urls and len(self._first_uses) < URLS_MAX:
            for url in urls_of(clip):
                self._first_uses.setdefault(url, _Use(clip.file, clip.line, clip.custom_id))
        return change

    def ask_urls(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Warn of each reference that cannot be fetched, in the row that uses it first."""
        for url, unreachable in check_urls(self._first_uses, transport).items():
            use = self._first_uses[url]
            self.log.add_file_problem(
                Problem(
                    file=use.file,
                    line=use.line,
                    code="unreachable_url",
                    message=f"a reference cannot be fetched: {unreachable.why}",
                    seen=unreachable.url,
                    remedy="Correct the URL, or make it readable for the provider.",
                    custom_id=use.custom_id,
                    severity=Severity.WARNING,
                )
            )


def check_file(
    path: Path,
    *,
    region: str,
    encoding: str | None = None,
    sheet: str | None = None,
    changes: Mapping[str, object] = MappingProxyType({}),
    rows: Path | None = None,
    sink: ProblemSink | None = None,
    with_urls: bool = False,
    known: ServerState | None = None,
    keep: Callable[[Clip, ClipChange], None] | None = None,
    refused: Mapping[str, InvalidRequestError] = MappingProxyType({}),
    transport: httpx.AsyncBaseTransport | None = None,
) -> Checked:
    """Read a campaign file to its end, and find all that is wrong with it.

    Args:
        path: The file; pictures that it names by a path are beside it or below.
        region: Whose prices count.
        encoding: Of a CSV or JSON file; None takes UTF-8, or what the first bytes say.
        sheet: Of a workbook; None takes the only one that has cells.
        changes: Options of the campaign, which win over those of the file.
        rows: A file of rows in the place of the manifest's own.
        sink: Gets each problem and bad row as they are found.
        with_urls: Whether to ask for the head of each reference: the only use of a network.
        known: What the campaign holds already; None for a new one.
        keep: Gets each good clip, with what it is to the campaign.
        refused: What a server says of clips that are good here, by their ids.
        transport: What carries those questions; None: the network.

    Raises:
        OSError: There is no such file, or it may not be read.
    """
    checked = Checked(ProblemLog(sink), Plan(region, known))
    stored = None if known is None else known.content_by_id.get
    try:
        with open_campaign(
            path, encoding=encoding, sheet=sheet, changes=changes, rows=rows, local_files=True
        ) as campaign:
            checked.campaign = campaign
            if sink is not None:
                sink.begin(campaign.source)
            checked.plan.start_by = campaign.options.start_by
            for clip in campaign.clips(checked.log, refused=refused, stored=stored):
                change = checked.add(clip, with_urls=with_urls)
                if keep is not None:
                    keep(clip, change)
    except CampaignFileError as error:
        for problem in error.problems:
            checked.log.add_file_problem(problem)
    if with_urls:
        checked.ask_urls(transport)
    return checked


def eta_of(plan: Plan, p50_seconds: float, p90_seconds: float) -> Eta:
    """How long the plan takes on one account, by its models' published slots.

    Args:
        plan: What would be rendered.
        p50_seconds: Half of the clips render in this time.
        p90_seconds: Nine of ten do.
    """
    return eta(
        Lane(
            clip_count=part.clip_count,
            slots=(spec.slots if (spec := lookup(part.model)) else None) or _SLOTS,
            submits_per_second=(spec.submits_per_second if spec else None) or _SUBMITS_PER_SECOND,
            p50_seconds=p50_seconds,
            p90_seconds=p90_seconds,
        )
        for part in plan.models.values()
    )


def measured_eta(plan: Plan, speeds: Iterable[ModelSpeed]) -> Eta | None:
    """How long the plan takes on a server; None as long as it has not measured each of the models.

    Args:
        plan: What would be rendered.
        speeds: Of its models.
    """
    lanes = []
    known = {speed.model: speed for speed in speeds}
    for part in plan.models.values():
        speed = known.get(part.model)
        if speed is None or not speed.p50_seconds or not speed.p90_seconds:
            return None
        lanes.append(
            Lane(
                clip_count=part.clip_count,
                slots=speed.slots,
                submits_per_second=speed.submits_per_second,
                p50_seconds=speed.p50_seconds,
                p90_seconds=max(speed.p50_seconds, speed.p90_seconds),
                mean_seconds=speed.mean_seconds,
            )
        )
    return eta(lanes) if lanes else None


def campaign_warnings(options: CampaignOptions, plan: Plan, time: Eta | None, now: datetime) -> list[str]:
    """What the campaign's own limits say to its plan: a budget that does not suffice, an end that is too early."""
    warnings = [warning] if (warning := plan.budget_warning(options.budget)) else []
    if options.start_by is not None and options.start_by <= now:
        warnings.append(f"start_by {options.start_by.isoformat()} has passed: every clip would expire")
    if options.finish_by is not None and time is not None:
        begin = max(now, options.run_at or now)
        end = begin + timedelta(seconds=time.p90_seconds)
        if end > options.finish_by:
            late = f"finish_by {options.finish_by.isoformat()} is too early: nine times in ten the last clip is there"
            warnings.append(f"{late} by {end.isoformat(timespec='minutes')}")
    return warnings
