"""What looking at a campaign costs when a million of its clips have ended, and what keeping its counts costs.

``python -m bench.growth [--clips 1000000] [--failed 0.01]`` starts Postgres, fills one campaign with ended clips, each
with its payment in the ledger, as the release before counts were kept had it. It prints how long the migration takes,
and the time of what `campaign watch`, `list` and the gallery ask, beside the same over a campaign of a thousand, and
beside what counting the rows takes. Then how long the audit compares the counts with the rows, and clips that are
stored and moved in bulk, with the triggers and without them. Times are medians; on a machine with other work the
ratios are what can be compared.

Exit code 1 if the status of the large campaign takes more than 30 ms of CPU.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import psutil
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from api.gallery.page_data import campaign_page
from api.gallery.tile_queries import load_summary
from embedded.servers.postgres import PostgresServer
from models import Account, Campaign, LedgerEntry, RenderJob
from models.base import among
from models.campaign import ensure_campaign
from models.ledger_entry import SPENT_KINDS
from models.operations.campaigns.counts import FOLDED_AT_ONCE, fold_counts
from models.operations.campaigns.status import campaign_view, money_of, state_counts
from models.session import make_engine
from models.tenant import ensure_tenant
from workers.audit.invariants import CHECKS

ROOT: Final = Path(__file__).parents[1]
GOAL_SECONDS: Final = 0.03
SMALL, ROUNDS = 1_000, 21
BEFORE: Final = "batch_keys"
_TRIGGERS: Final = ("count_new_jobs", "count_moved_job")

# A clip a second, the newest now; each hundredth, say, failed for one of five reasons.
FILL: Final = text("""
INSERT INTO render_jobs (id, tenant_id, campaign_id, request_sha256, custom_id, priority, state, epoch, model, mode,
  prompt, extra_options, warnings, content_sha256, clip_line, poll_timeout_ms, on_timeout, poll_count, unknown_count,
  fault_count, abandon_running, archive_count, collected_late, failure_class, failure_code, failure_message,
  created_at, submitted_at, finished_at)
SELECT gen_random_uuid(), :tenant_id, :campaign_id, md5(n::text), 'clip-' || n, 0,
  CASE WHEN n % :every = 0 THEN 'failed' ELSE :ended END, 1, 'wan2.6-t2v', 'text-to-video',
  'a paper boat on a lake, take ' || n, '{}', '[]', md5(n::text), n, 600000, 'collect', 5, 0, 0, false, 1, false,
  CASE WHEN n % :every = 0 THEN 'input' END, CASE WHEN n % :every = 0 THEN 'code-' || n / :every % 5 END,
  CASE WHEN n % :every = 0 THEN 'why' END,
  now() - make_interval(secs => :first + :clips - n + 120), now() - make_interval(secs => :first + :clips - n + 90),
  now() - make_interval(secs => :first + :clips - n)
FROM generate_series(:first + 1, :first + :clips) n
""")
PAY: Final = text("""
INSERT INTO ledger_entries (at, kind, campaign_id, job_id, account_id, seconds, amount, currency)
SELECT finished_at, 'settle', campaign_id, id, :account_id, 5, 0.5, 'USD' FROM render_jobs
WHERE campaign_id = :campaign_id AND state = 'succeeded'
""")


class Bench:
    """A database with a small campaign and a large one, which was filled by the release before counts were kept."""

    def __init__(self, engine: Engine, config: Config, clips: int, failed: float) -> None:
        self.engine = engine
        self.every = max(round(1 / failed), 1) if failed else clips + 1
        self.ids: dict[str, UUID] = {}
        self.fill("small", SMALL)
        self.fill("large", clips)
        began = time.monotonic()
        command.upgrade(config, "head")
        print(f"migration of the filled database: {time.monotonic() - began:.1f} s")
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))

    def fill(self, name: str, clips: int) -> None:
        """Make a campaign whose clips have ended."""
        began = time.monotonic()
        with Session(self.engine) as session, session.begin():
            tenant_id = ensure_tenant(session)
            self.ids[name] = campaign_id = ensure_campaign(session, tenant_id, name)
            account = Account(name=name, base_url="https://dashscope.test", region="ap-southeast-1", key_env="KEY")
            session.add(account)
            session.flush()
            names = {"tenant_id": tenant_id, "campaign_id": campaign_id, "clips": clips, "every": self.every}
            session.execute(text("SET LOCAL session_replication_role = replica"))  # no check of each row
            session.execute(FILL, names | {"first": 0, "ended": "succeeded"})
            session.execute(PAY, {"campaign_id": campaign_id, "account_id": account.id})
        print(f"filled {name}: {clips} clips in {time.monotonic() - began:.0f} s", flush=True)

    def cost(self, ask: Callable[[Session, Campaign], object], name: str) -> Cost:
        """What a question about a campaign takes, once it was asked."""
        self._ask(ask, name)
        used, took = cpu_seconds(), [self._ask(ask, name) for _ in range(ROUNDS)]
        return Cost((cpu_seconds() - used) / ROUNDS, statistics.median(took))

    def _ask(self, ask: Callable[[Session, Campaign], object], name: str) -> float:
        with Session(self.engine) as session:
            campaign = session.get_one(Campaign, self.ids[name])
            began = time.monotonic()
            ask(session, campaign)
            return time.monotonic() - began


@dataclass(frozen=True)
class Cost:
    """Of one question."""

    cpu_seconds: float
    """Of this process and of Postgres, the mean of all rounds."""
    seconds: float
    """The median."""

    def __str__(self) -> str:
        return f"{self.cpu_seconds * 1000:7.1f} CPU-ms {self.seconds * 1000:7.1f} ms"


def cpu_seconds() -> float:
    """Of this process and of all of Postgres."""
    servers = psutil.Process().children(recursive=True)
    return time.process_time() + sum(sum(one.cpu_times()[:4]) for one in servers)


def status(session: Session, campaign: Campaign) -> object:
    return campaign_view(session, campaign, now=datetime.now(UTC))


def counted(session: Session, campaign: Campaign) -> object:
    """What a status did before counts were kept: the clips by state, and the money."""
    mine = (RenderJob.campaign_id == campaign.id, RenderJob.superseded_at.is_(None))
    states = session.execute(select(RenderJob.state, func.count()).where(*mine).group_by(RenderJob.state)).all()
    spent = (
        select(LedgerEntry.currency, func.sum(LedgerEntry.amount))
        .where(LedgerEntry.campaign_id == campaign.id, LedgerEntry.kind.in_(SPENT_KINDS))
        .group_by(LedgerEntry.currency)
    )
    return states, session.execute(spent).all()


def page(session: Session, campaign: Campaign, after: UUID | None) -> object:
    return campaign_page(session, campaign, now=datetime.now(UTC), region="ap-southeast-1", after=after)


def middle(session: Session, campaign: Campaign) -> UUID:
    """The clip in the middle of its file, behind which a page begins."""
    here = RenderJob.campaign_id == campaign.id
    lines = select(func.count()).where(here).scalar_subquery()
    return session.scalars(select(RenderJob.id).where(here, RenderJob.clip_line == func.floor(lines / 2))).one()


_MIDDLES: Final[dict[UUID, UUID]] = {}


def in_the_middle(session: Session, campaign: Campaign) -> object:
    if campaign.id not in _MIDDLES:  # found when it is asked for the first time, which is not measured
        _MIDDLES[campaign.id] = middle(session, campaign)
    return page(session, campaign, _MIDDLES[campaign.id])


QUESTIONS: Final[dict[str, Callable[[Session, Campaign], object]]] = {
    "status (watch, list, page)": status,
    "  of it: counts by state": state_counts,
    "  of it: money": money_of,
    "gallery's summary": lambda session, campaign: load_summary(session, campaign.id),
    "gallery's first page": lambda session, campaign: page(session, campaign, None),
    "gallery's page in the middle": in_the_middle,
    "counting the rows instead": counted,
}


_MOVE: Final = text("UPDATE render_jobs SET state = 'expired', finished_at = now() WHERE state = 'queued'")


def writes(bench: Bench) -> tuple[float, float]:
    """Seconds of 10,000 clips that are stored, and then moved, in one statement each; nothing is kept."""
    with Session(bench.engine) as session:
        tenant_id = ensure_tenant(session)
        names = {"tenant_id": tenant_id, "campaign_id": bench.ids["small"], "clips": 10_000}
        began = time.monotonic()
        session.execute(FILL, names | {"every": 2**30, "first": 2**30, "ended": "queued"})
        stored = time.monotonic() - began
        began = time.monotonic()
        session.execute(_MOVE)
        moved = time.monotonic() - began
        session.rollback()
    return stored, moved


def folding(bench: Bench) -> None:
    """Print what folding as many changes takes as it takes at once; nothing of it is kept."""
    with Session(bench.engine) as session:
        ids = session.scalars(select(RenderJob.id).limit(FOLDED_AT_ONCE // 2)).all()
        session.execute(update(RenderJob).where(among(RenderJob.id, ids)).values(failure_code="moved"))
        began = time.monotonic()
        folded = fold_counts(session)
        print(f"folding {folded} changes: {(time.monotonic() - began) * 1000:.0f} ms")
        session.rollback()


def switch_triggers(engine: Engine, word: str) -> None:
    with engine.begin() as connection:
        for name in _TRIGGERS:
            connection.execute(text(f"ALTER TABLE render_jobs {word} TRIGGER {name}"))


def compare_writes(bench: Bench) -> None:
    """Print what the triggers add, from rounds with and without them in turn."""
    found: dict[str, list[tuple[float, float]]] = {"ENABLE": [], "DISABLE": []}
    for word in ["DISABLE", "ENABLE"] * 3:
        switch_triggers(bench.engine, word)
        found[word].append(writes(bench))
    for number, what in enumerate(("stored", "moved")):
        on, off = (min(one[number] for one in found[word]) for word in ("ENABLE", "DISABLE"))
        print(f"a clip {what}, of 10,000: {on * 100:.0f} us with triggers, {off * 100:.0f} without: x {on / off:.2f}")


def audited(engine: Engine) -> None:
    for check in CHECKS:
        if check.name in {"campaign_counts_are_the_jobs", "campaign_spending_is_the_ledgers"}:
            with Session(engine) as session:
                began = time.monotonic()
                broken = session.execute(text(check.query)).all()
                print(f"audit {check.name}: {time.monotonic() - began:.2f} s, {len(broken)} broken")


@contextmanager
def database(folder: Path) -> Iterator[tuple[Engine, Config]]:
    """A database as the release before counts were kept had it."""
    postgres = PostgresServer(folder / "postgres", is_durable=False)
    postgres.start()
    postgres.create_database()
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = postgres.url()
    command.upgrade(config, BEFORE)
    engine = make_engine(postgres.url(), statement_timeout_seconds=0)
    try:
        yield engine, config
    finally:
        engine.dispose()
        postgres.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--failed", type=float, default=0.01, help="share of the clips that failed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database(Path(folder)) as (engine, config):
        bench = Bench(engine, config, options.clips, options.failed)
        found: dict[str, Cost] = {}
        for title, ask in QUESTIONS.items():
            small, found[title] = (bench.cost(ask, name) for name in ("small", "large"))
            ratio = found[title].cpu_seconds / max(small.cpu_seconds, 1e-4)
            print(f"{title:28} {small} of {SMALL}, {found[title]} of all: x {ratio:.1f}", flush=True)
        kept, rows = (found[one].cpu_seconds for one in ("status (watch, list, page)", "counting the rows instead"))
        print(
            f"a status takes 1/{rows / kept:.0f} of what counting its rows does; goal {GOAL_SECONDS * 1000:.0f} CPU-ms"
        )
        audited(engine)
        folding(bench)
        compare_writes(bench)
    return 0 if kept <= GOAL_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
