"""A quarter of renders beside the provider's bill of it, with planted errors: which of them the comparison finds.

``python -m bench.bill_quarter [--seed 1]`` fills a ledger and the simulator's with the same renders of 92 days, plants
an error or a circumstance of each kind in the bill, and one in the ledger, and runs ``python -m workers bill
reconcile`` over the quarter. It prints each with the rule that named it, and what else was listed. Exit code 1 if one
was not found, or anything is listed that was not planted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
from alembic import command
from alembic.config import Config
from sqlalchemy.orm import Session

from embedded.processes.child_process import ChildProcess, Command
from embedded.servers.postgres import PostgresServer
from models import Account, Attempt, EntryKind, ProviderTask, RenderJob
from models.base import new_id
from models.campaign import ensure_campaign
from models.operations.money.ledger import LedgerCharge, post_charges
from models.session import make_engine
from models.tenant import ensure_tenant
from reelqueue.catalog import Tier
from reelqueue.catalog.price_list import PRICES, SINGAPORE
from reelqueue.states import AttemptState, RenderState
from simulator.billing.edits import EditKind
from simulator.billing.rows import api_key_id
from simulator.store.ledger import Charge
from simulator.store.store import Store
from workers.provider_bill.differences import BEIJING, Rule

ROOT: Final = Path(__file__).parents[1]
DAYS: Final = 92
MODELS: Final = ("wan2.6-t2v", "wan2.7-t2v", "wan2.7-i2v", "wan2.6-i2v-flash")
TIERS: Final[tuple[Tier, ...]] = ("720P", "1080P")
MAIN_ACCOUNT: Final = "studio"
"""The simulator's name for the main account."""
GIVEN_UP: Final = "written off here"
UNKNOWN_HERE: Final = "missing in the ledger"


@dataclass(frozen=True)
class Render:
    """A task that the provider billed."""

    model: str
    ended_at: datetime
    seconds: int
    tier: Tier

    @property
    def amount(self) -> Decimal:
        """By the published price."""
        return self.seconds * PRICES[SINGAPORE][self.model].per_second[self.tier]


@dataclass(frozen=True)
class Planted:
    """An error or circumstance, and the rule that must name it."""

    kind: EditKind | str
    day: date
    model: str
    rule: Rule
    value: str = "0"


@dataclass(frozen=True)
class Quarter:
    """What was rendered, and what is wrong with its bill."""

    first_day: date
    renders: list[Render]
    planted: list[Planted]

    @property
    def last_day(self) -> date:
        """Of Beijing, included."""
        return self.first_day + timedelta(days=DAYS - 1)


_PLANTED: Final[dict[EditKind | str, tuple[Rule, str]]] = {
    "omit": (Rule.UNEXPLAINED, "0"),
    "shift": (Rule.DAY_BOUNDARY, "5"),
    "seconds": (Rule.UNEXPLAINED, "10"),
    "price": (Rule.LIST_PRICE, "0.2"),
    "discount": (Rule.DISCOUNT, "0.1"),
    "coupon": (Rule.COUPON, "0.5"),
    "free_quota": (Rule.FREE_QUOTA, "5"),
    "refund": (Rule.REFUND, "0.5"),
    "rounding": (Rule.ROUNDING, "0.01"),
    "other_key": (Rule.ANOTHER_KEY, "15"),
    "console": (Rule.CONSOLE, "15"),
    "currency": (Rule.UNEXPLAINED, "5"),
    "no_model": (Rule.UNREADABLE, "0"),
    "odd_number": (Rule.UNREADABLE, "0"),
    GIVEN_UP: (Rule.WRITTEN_OFF, "0"),
    UNKNOWN_HERE: (Rule.UNEXPLAINED, "0"),
}


def make_quarter(now: datetime, seed: int) -> Quarter:
    """Renders of a quarter whose bill is final, and an error of each kind, each on a day of its own."""
    chance = random.Random(seed)  # noqa: S311 -- a plan, not a secret
    first_day = now.astimezone(BEIJING).date() - timedelta(days=DAYS + 4)
    renders = [
        Render(model, _moment(first_day + timedelta(days=number), chance), chance.choice((5, 10)), tier)
        for number in range(DAYS)
        for model in MODELS
        for tier in TIERS
        for _ in range(chance.randint(1, 3))
    ]
    days = chance.sample(range(1, DAYS - 2, 2), len(_PLANTED))  # two apart, or one would hide the other
    planted = [
        Planted(kind, first_day + timedelta(days=day), chance.choice(MODELS), rule, value)
        for day, (kind, (rule, value)) in zip(days, _PLANTED.items(), strict=True)
    ]
    shifted = next(one for one in planted if one.kind == "shift")
    renders.append(Render(shifted.model, datetime.combine(shifted.day, time(23, 50), BEIJING), 5, "720P"))
    return Quarter(first_day, renders, planted)


def _moment(day: date, chance: random.Random) -> datetime:
    return datetime.combine(day, time(1), BEIJING) + timedelta(seconds=chance.randrange(22 * 3600))


def fill_bill(store: Store, renders: Iterable[Render]) -> None:
    """Put renders into the simulator's ledger."""
    with store.transaction():
        for number, render in enumerate(renders):
            store.ledger.settle(
                Charge(
                    task_id=f"task-{number}",
                    account=MAIN_ACCOUNT,
                    model=render.model,
                    request_id=f"request-{number}",
                    prompt_sha256="0" * 64,
                    billed_seconds=str(render.seconds),
                    amount=str(render.amount),
                    currency="USD",
                    settled_ms=round(render.ended_at.timestamp() * 1000),
                )
            )


def fill_ledger(session: Session, quarter: Quarter) -> None:
    """Put the renders into our ledger, but for those that are wrong there; the caller commits."""
    account = Account(name=MAIN_ACCOUNT, base_url="https://dashscope.test", region=SINGAPORE, key_env="ALIBABA_API_KEY")
    session.add(account)
    session.flush()
    tenant_id = ensure_tenant(session)
    campaign_id = ensure_campaign(session, tenant_id)
    wrong = {one.kind: one for one in quarter.planted if one.kind in {GIVEN_UP, UNKNOWN_HERE}}
    done = set[str]()
    for number, render in enumerate(quarter.renders):
        kind = next((kind for kind, one in wrong.items() if kind not in done and _is_of(render, one)), None)
        if kind is not None:
            done.add(kind)
        if kind != UNKNOWN_HERE:
            _enter(session, account, campaign_id, tenant_id, number, render, is_given_up=kind == GIVEN_UP)


def _is_of(render: Render, planted: Planted) -> bool:
    return (render.model, render.ended_at.astimezone(BEIJING).date()) == (planted.model, planted.day)


def _enter(
    session: Session,
    account: Account,
    campaign_id: UUID,
    tenant_id: UUID,
    number: int,
    render: Render,
    *,
    is_given_up: bool,
) -> None:
    job = RenderJob(
        id=new_id(),
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        request_sha256="0" * 64,
        priority=0,
        model=render.model,
        mode="text-to-video",
        prompt="a paper boat",
        poll_interval_ms=5000,
        poll_timeout_ms=600_000,
        on_timeout="collect",
        state=RenderState.SUCCEEDED,
    )
    session.add(job)
    session.flush()
    facts = {"job_id": job.id, "account_id": account.id, "base_url": account.base_url}
    attempt = Attempt(
        number=1, state=AttemptState.BOUND, epoch=1, spec_sha256="0" * 64, send_by=render.ended_at, **facts
    )
    session.add(attempt)
    session.flush()
    task = ProviderTask(
        attempt_id=attempt.id,
        provider_task_id=f"task-{number}",
        status="SUCCEEDED",
        submitted_at=render.ended_at,
        ended_at=render.ended_at,
        billed_seconds=Decimal(render.seconds),
        **facts,
    )
    session.add(task)
    session.flush()
    charge = LedgerCharge(
        kind=EntryKind.WRITE_OFF if is_given_up else EntryKind.SETTLE,
        campaign_id=campaign_id,
        job_id=job.id,
        account_id=account.id,
        provider_task_id=task.id,
        seconds=None if is_given_up else Decimal(render.seconds),
        amount=render.amount,
        currency="USD",
    )
    post_charges(session, [charge], now=render.ended_at)


@dataclass(frozen=True)
class Found:
    """What the comparison said."""

    exit_code: int
    differences: list[dict[str, Any]]
    summary: str

    def names(self, planted: Planted) -> bool:
        """Whether the rule of a planted error is among what was said of its day and model."""
        return any(_is_said_of(one, planted) and one["rule"] == planted.rule for one in self.differences)

    def unplanted(self, quarter: Quarter) -> list[dict[str, Any]]:
        """What was said although no error that was planted there leads to it."""
        return [
            one
            for one in self.differences
            if not any(_is_said_of(one, planted) and one["rule"] in _follows(planted) for planted in quarter.planted)
        ]


def _is_said_of(difference: dict[str, Any], planted: Planted) -> bool:
    # A row that cannot be read has no day; seconds that moved are said of both days.
    days = {None, *(str(planted.day + timedelta(days=later)) for later in (0, planted.rule is Rule.DAY_BOUNDARY))}
    return difference["day"] in days and difference["model"] in {"", planted.model}


def _follows(planted: Planted) -> set[Rule]:
    """The rule of an error, and what else is said for want of the row."""
    return {planted.rule, Rule.UNEXPLAINED} if planted.rule is Rule.UNREADABLE else {planted.rule}


def compare(quarter: Quarter, database_url: str, folder: Path) -> Found:
    """Run the operators' command over the quarter, against a simulator of its own.

    Args:
        quarter: What is in both ledgers.
        database_url: A migrated database without accounts; the ledger is filled.
        folder: For the simulator's state and log.
    """
    engine = make_engine(database_url)
    with Session(engine) as session, session.begin():
        fill_ledger(session, quarter)
    engine.dispose()
    (folder / "state").mkdir()
    store = Store(folder / "state")
    fill_bill(store, quarter.renders)
    store.close()
    run = Command(
        name="simulator",
        arguments=[sys.executable, "-m", "simulator", "--port", "0", "--state", str(folder / "state")],
        folder=ROOT,
    )
    child = ChildProcess(run, logs=folder, pids=folder)
    child.start()
    try:
        child.wait_until(lambda: _listens_at(child) is not None, 60)
        url = str(_listens_at(child))
        edits = {"billing": {"page_size_max": 3, "edits": _edits(quarter)}}
        httpx.post(f"{url}/__sim__/config", json=edits, trust_env=False).raise_for_status()
        return _reconcile(quarter, database_url, f"{url}/bss")
    finally:
        child.stop()


def _listens_at(child: ChildProcess) -> str | None:
    found = re.search(r"listening on (\S+)", child.log_path.read_text() if child.log_path.exists() else "")
    return found and found[1]


def _edits(quarter: Quarter) -> list[dict[str, str]]:
    return [
        {"kind": one.kind, "day": one.day.isoformat(), "model": one.model, "value": one.value}
        for one in quarter.planted
        if one.kind not in {GIVEN_UP, UNKNOWN_HERE}
    ]


def _reconcile(quarter: Quarter, database_url: str, bill_url: str) -> Found:
    days = ["--from", quarter.first_day.isoformat(), "--to", quarter.last_day.isoformat()]
    ours = ["--api-key-id", api_key_id(MAIN_ACCOUNT)]
    access = {"URL": bill_url, "ACCESS_KEY_ID": "simulator", "ACCESS_KEY_SECRET": "simulator"}
    ended = subprocess.run(
        [sys.executable, "-m", "workers", "bill", "reconcile", *days, *ours, "--json"],
        env=os.environ
        | {"REELQUEUE_DATABASE_URL": database_url}
        | {f"REELQUEUE_BILL_{name}": value for name, value in access.items()},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return Found(ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()], ended.stderr)


def main() -> int:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    quarter = make_quarter(datetime.now(BEIJING), parser.parse_args().seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = PostgresServer(folder / "postgres", is_durable=False)
        server.start()
        try:
            server.create_database("quarter")
            config = Config(ROOT / "alembic.ini")
            config.attributes["database_url"] = server.url("quarter")
            command.upgrade(config, "head")
            found = compare(quarter, server.url("quarter"), folder)
        finally:
            server.stop()
    print(f"{len(quarter.renders)} renders of {DAYS} days over {len(MODELS)} models; {found.summary.strip()}")
    for one in quarter.planted:
        print(f"{'found ' if found.names(one) else 'MISSED'}  {one.day}  {one.model:18}  {one.kind:22}  {one.rule}")
    unplanted = found.unplanted(quarter)
    for difference in unplanted:
        print(f"NOT PLANTED  {difference}")
    missed = sum(not found.names(one) for one in quarter.planted)
    print(f"{len(quarter.planted)} planted, {missed} missed, {len(unplanted)} said that was not planted")
    return 1 if missed or unplanted else 0


if __name__ == "__main__":
    sys.exit(main())
