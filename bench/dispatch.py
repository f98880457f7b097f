"""Does a long queue slow the dispatcher? One dispatch with 100 waiting jobs against one with many.

``python bench/dispatch.py [--waiting 100000] [--finished 200000] [--campaigns 50]`` starts its own Postgres,
measures both in turn, and prints the medians and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from uuid import UUID

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from embedded.postgres import PostgresServer
from models.campaign import ensure_campaign
from models.lane import Wake
from models.session import make_engine, make_sessions
from models.storage import LocalArchive
from models.tenant import ensure_tenant
from workers.dispatch import dispatch
from workers.services import Services
from workers.settings import Settings

ROOT = Path(__file__).parents[1]
ROUNDS = 7

FILL = text("""
INSERT INTO render_jobs (id, tenant_id, campaign_id, request_sha256, priority, state, epoch,
                         model, mode, prompt, extra_options, warnings,
                         poll_interval_ms, poll_timeout_ms, on_timeout, poll_count, unknown_count, abandon_running,
                         archive_count, fault_count, collected_late, created_at)
SELECT gen_random_uuid(), campaigns.tenant_id, campaigns.id, '', 0, :state, 0,
       model, 'text-to-video', 'a fox', '{}', '[]',
       5000, 600000, 'collect', 0, 0, false, 0, 0, false, now() - n * interval '1 second'
FROM generate_series(1, :count) AS n
JOIN (SELECT row_number() OVER () AS place, count(*) OVER () AS total, * FROM campaigns) campaigns
  ON campaigns.place = n % campaigns.total + 1,
(VALUES ('wan2.6-t2v'), ('wan2.5-t2v-preview')) AS models (model)
""")


class NoHints:
    """Hints that go nowhere: the broker is not what is measured."""

    def dispatch(self) -> None: ...
    def submit(self, job_id: UUID, epoch: int, model: str, *, delay_seconds: float = 0) -> None: ...
    def poll(self, wake: Wake, *, now: object) -> None: ...
    def archive(self, job_id: UUID, model: str) -> None: ...
    def reconcile(self, attempt_id: UUID, job_id: UUID) -> None: ...
    def notify(self, delivery_id: UUID) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--finished", type=int, default=200_000)
    parser.add_argument("--campaigns", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder) / "postgres", is_durable=False)
        server.start()
        try:
            engine = prepare(server)
            few = measure(engine, waiting=100, finished=0, campaigns=1)
            many = measure(engine, waiting=options.waiting, finished=options.finished, campaigns=options.campaigns)
        finally:
            server.stop()
    many_text = f"{options.waiting} waiting in {options.campaigns} campaigns, {options.finished} finished"
    print(f"one dispatch, 100 waiting: {few * 1000:.1f} ms")
    print(f"one dispatch, {many_text}: {many * 1000:.1f} ms")
    print(f"ratio {many / few:.2f}")


def prepare(server: PostgresServer) -> Engine:
    """A migrated database."""
    server.create_database("bench")
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = server.url("bench")
    command.upgrade(config, "head")
    return make_engine(server.url("bench"))


def measure(engine: Engine, *, waiting: int, finished: int, campaigns: int) -> float:
    """Median seconds of a dispatch that fills every slot of two models."""
    with Session(engine) as session, session.begin():
        session.execute(text("TRUNCATE tenants CASCADE"))
        for number in range(campaigns):
            ensure_campaign(session, ensure_tenant(session, f"tenant {number % 5}"), f"campaign {number}")
    services = Services(Settings(), make_sessions(engine), LocalArchive(Path("unused")), NoHints())
    with engine.begin() as connection:
        connection.execute(FILL, {"state": "queued", "count": waiting // 2})
        connection.execute(FILL, {"state": "succeeded", "count": finished // 2})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return statistics.median(one_round(engine, services) for _ in range(ROUNDS))


def one_round(engine: Engine, services: Services) -> float:
    """Seconds of one dispatch; what it admitted is taken back."""
    began = time.perf_counter()
    admitted = dispatch(services)
    took = time.perf_counter() - began
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM slots"))
        connection.execute(text("UPDATE submit_lanes SET next_submit_at = NULL"))
        connection.execute(text("UPDATE render_jobs SET state = 'queued' WHERE state = 'admitted'"))
    assert admitted, "nothing was admitted, so nothing was measured"
    return took


if __name__ == "__main__":
    main()
