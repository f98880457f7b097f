"""What each side says about a campaign: its export, its page, the API, our ledger and the simulator's."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.gallery.page_data import campaign_page
from models import Asset, Campaign, LedgerEntry, ProviderTask
from models.asset import AssetKind
from models.ledger_entry import EntryKind
from models.session import DatabaseClock
from reelqueue.catalog.price_list import SINGAPORE
from tests.system.acceptance.campaigns.studio import Studio


@dataclass(frozen=True)
class Numbers:
    """One side's."""

    states: Counter[str]
    """How many clips ended how; empty where a side knows only tasks."""
    paid: Mapping[str, Decimal]
    """By the provider's task id."""

    @property
    def total(self) -> Decimal:
        """All that was paid."""
        return sum(self.paid.values(), Decimal(0))


def exported(rows: Sequence[Mapping[str, str]]) -> Numbers:
    """By ``campaign results``."""
    paid = {row["provider_task_id"]: Decimal(row["cost"]) for row in rows if row["cost"]}
    return Numbers(Counter(row["state"] for row in rows), paid)


def export(studio: Studio, name: str, file: Path) -> list[dict[str, str]]:
    """The rows of ``campaign results``."""
    studio.campaign("results", name, "-o", file, "--format", "csv")
    return read_table(file)


def read_table(file: Path) -> list[dict[str, str]]:
    """The rows of a table that has the separator of the sheet which was applied."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        separator = ";" if ";" in stream.readline() else ","
        stream.seek(0)
        return list(csv.DictReader(stream, delimiter=separator))


def shown(studio: Studio, name: str) -> Numbers:
    """By the campaign's page."""
    with Session(studio.engine) as session:
        campaign = session.scalars(select(Campaign).where(Campaign.name == name)).one()
        page = campaign_page(session, campaign, now=DatabaseClock().now(session), region=SINGAPORE)
    paid = {
        str(tile.provider_task_id): sum((one.amount for one in tile.spent), Decimal(0))
        for tile in page.tiles
        if tile.spent
    }
    assert sum(one.amount for one in page.summary.spent) == sum(paid.values())
    return Numbers(Counter({str(state): count for state, count in page.summary.by_state.items()}), paid)


def entered(studio: Studio, name: str) -> Numbers:
    """By our ledger."""
    query = (
        select(ProviderTask.provider_task_id, LedgerEntry.amount)
        .join(LedgerEntry, LedgerEntry.provider_task_id == ProviderTask.id)
        .join(Campaign, Campaign.id == LedgerEntry.campaign_id)
        .where(Campaign.name == name, LedgerEntry.kind == EntryKind.SETTLE)
    )
    with Session(studio.engine) as session:
        return Numbers(Counter(), {task_id: amount or Decimal(0) for task_id, amount in session.execute(query)})


def billed(studio: Studio, prompts: Collection[str]) -> Numbers:
    """By the simulator, for every task with one of the campaign's prompts, whether we know of it or not."""
    ours = {hashlib.sha256(prompt.encode()).hexdigest() for prompt in prompts}
    paid = {
        task_id: Decimal(entry["amount"]) for task_id, entry in studio.bill().items() if entry["prompt_sha256"] in ours
    }
    return Numbers(Counter(), paid)


def kept(studio: Studio, job_ids: set[str]) -> dict[str, str]:
    """The checksums of jobs' videos, taken of the files."""
    with Session(studio.engine) as session:
        found = session.execute(select(Asset.job_id, Asset.path).where(Asset.kind == AssetKind.VIDEO)).all()
    archive = studio.stack.folder.archive
    return {
        str(job_id): hashlib.sha256((archive / path).read_bytes()).hexdigest()
        for job_id, path in found
        if str(job_id) in job_ids
    }
