"""Does a long queue slow the dispatcher? One dispatch with 100 waiting jobs against one with many.

``python bench/dispatch.py [--waiting 100000] [--finished 200000] [--campaigns 50]`` starts its own Postgres,
measures both in turn, and prints the medians and their ratio. Then it imports a campaign file of as many clips by the
command line, measures again, and asks for an urgent clip, which must be admitted next.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from embedded.processes.ports import PortClaims
from embedded.servers.postgres import PostgresServer
from models.campaign import ensure_campaign
from models.operations.jobs.enqueue import enqueue_render_job
from models.operations.scheduling.poll_wakeups import Wake
from models.operations.scheduling.submit_gates import close_gate, database_identity, ensure_gate, open_gate
from models.session import DatabaseClock, make_engine, make_sessions
from models.storage import LocalArchive
from models.tenant import ensure_tenant
from reelqueue import TextToVideo
from workers.dispatch.default_account import ensure_default_account
from workers.dispatch.dispatcher import dispatch
from workers.runtime.context import Context
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
    def notify_people(self) -> None: ...

    def waiting_count(self, task: str) -> int: ...


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
            imported, urgent = measure_import(server, engine, Path(folder), options.waiting)
        finally:
            server.stop()
    many_text = f"{options.waiting} waiting in {options.campaigns} campaigns, {options.finished} finished"
    print(f"one dispatch, 100 waiting: {few * 1000:.1f} ms")
    print(f"one dispatch, {many_text}: {many * 1000:.1f} ms")
    print(f"ratio {many / few:.2f}")
    print(f"one dispatch, {options.waiting} imported from a file: {imported * 1000:.1f} ms, ratio {imported / few:.2f}")
    print(f"an urgent clip beside them, stored and admitted: {urgent * 1000:.1f} ms")


def prepare(server: PostgresServer) -> Engine:
    """A migrated database."""
    server.create_database("bench")
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = server.url("bench")
    command.upgrade(config, "head")
    return make_engine(server.url("bench"))


def measure(engine: Engine, *, waiting: int, finished: int, campaigns: int) -> float:
    """Median seconds of a dispatch that fills every slot of two models."""
    context = context_of(engine)
    with Session(engine) as session, session.begin():
        session.execute(text("TRUNCATE tenants CASCADE"))
        for number in range(campaigns):
            ensure_campaign(session, ensure_tenant(session, f"tenant {number % 5}"), f"campaign {number}")
    with engine.begin() as connection:
        connection.execute(FILL, {"state": "queued", "count": waiting // 2})
        connection.execute(FILL, {"state": "succeeded", "count": finished // 2})
    vacuum(engine)
    return statistics.median(one_round(engine, context) for _ in range(ROUNDS))


def measure_import(server: PostgresServer, engine: Engine, folder: Path, count: int) -> tuple[float, float]:
    """Median seconds of a dispatch beside an imported campaign, and of an urgent clip's way to its slot."""
    with Session(engine) as session, session.begin():
        session.execute(text("TRUNCATE tenants CASCADE"))
    apply_file(server, folder, count)
    vacuum(engine)
    context = context_of(engine)
    median = statistics.median(one_round(engine, context) for _ in range(ROUNDS))
    began = time.perf_counter()
    with Session(engine) as session, session.begin():
        urgent = TextToVideo(model="wan2.6-t2v", prompt="a fox", priority=50)
        job_id = enqueue_render_job(session, urgent, now=DatabaseClock().now(session)).job_id
    first = dispatch(context)[0]
    took = time.perf_counter() - began
    assert first.job_id == job_id, "another clip was admitted before the urgent one"
    return median, took


def apply_file(server: PostgresServer, folder: Path, count: int) -> None:
    """Import a campaign file as a person does: by the command line, through the API."""
    file = folder / "catalogue.csv"
    rows = (f"clip-{number},wan2.6-t2v,a fox in scene {number},5\n" for number in range(count))
    file.write_text("custom_id,model,prompt,duration\n" + "".join(rows))
    port = PortClaims().claim_free()
    environment = os.environ | {
        "REELQUEUE_DATABASE_URL": server.url("bench"),
        "REELQUEUE_BROKER_URL": "redis://127.0.0.1:9/0",  # hints go nowhere
        "REELQUEUE_ARCHIVE_URL": (folder / "archive").as_uri(),
        "REELQUEUE_API_URL": f"http://127.0.0.1:{port}",
    }
    log = (folder / "api.log").open("wb")
    words = [sys.executable, "-m", "api", "--port", str(port)]
    with log, subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log) as api:
        # The command waits for the API by itself.
        words = [sys.executable, "-m", "reelqueue", "campaign", "apply", str(file), "--yes"]
        subprocess.run(words, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        api.terminate()


def context_of(engine: Engine) -> Context:
    """What a dispatcher has; its account takes submits."""
    context = Context(Settings(), make_sessions(engine), LocalArchive(Path("unused")), NoHints())
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        gate = ensure_gate(session, ensure_default_account(session, context))
        close_gate(gate, database_identity(session), now)
        open_gate(gate, now)
    return context


def vacuum(engine: Engine) -> None:
    """Let the planner know what there is."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def one_round(engine: Engine, context: Context) -> float:
    """Seconds of one dispatch; what it admitted is taken back."""
    began = time.perf_counter()
    admitted = dispatch(context)
    took = time.perf_counter() - began
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM slots"))
        connection.execute(text("UPDATE submit_lanes SET next_submit_at = NULL"))
        connection.execute(text("UPDATE render_jobs SET state = 'queued' WHERE state = 'admitted'"))
    assert admitted, "nothing was admitted, so nothing was measured"
    return took


if __name__ == "__main__":
    main()
