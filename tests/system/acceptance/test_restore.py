"""The restore of docs/runbooks.md, played on a real stack: what was submitted after the backup is not paid for again.

Told as two stories, because each start takes seconds: `pg_dump` and `pg_restore` into a new database, and a base backup
put back as the data directory of the same server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from embedded.chaos.short_timings import PACE, simulation
from embedded.processes.server_folders import remove_folder
from embedded.servers.binaries import postgres_bin
from embedded.servers.postgres import USER, PostgresServer
from embedded.stack.service_plan import ANY_PORTS
from embedded.stack.stack import Stack, StackOptions
from models import Account
from models.operations.accounts import pause_account, resume_account
from reelqueue import Client
from workers.audit.invariants import audit

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("stack")]

PATIENCE_SECONDS: Final = 120.0
# Of so many jobs the backup knows that they were submitted, and so many wait in it.
KNOWN: Final = 10
WAITING: Final = 14
JOBS: Final = KNOWN + WAITING
# Submitted after the backup, and before the restore.
FORGOTTEN: Final = 8
# Seven at a time, two seconds each.
RENDER: Final = "[[run=60]]"
TIME_SCALE: Final = 30.0


def test_a_dump_that_is_restored_into_a_new_database(tmp_path: Path) -> None:
    with stories(tmp_path / "state") as options:
        with started(options) as stack, backed_up(stack) as url:
            run_tool("pg_dump", "--format=custom", f"--file={tmp_path / 'backup.dump'}", url)
        with PostgresServer(options.state / "postgres") as server:
            restore(server, tmp_path / "backup.dump")
        with started(options) as stack:
            resume(stack)
            assert_paid_once(stack)


def test_a_base_backup_that_is_put_back_as_the_data_directory(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    with stories(tmp_path / "state") as options:
        with started(options) as stack, backed_up(stack) as url:
            run_tool("pg_basebackup", f"--dbname={url}", f"--pgdata={backup}", "--checkpoint=fast")
        put_back(backup, options.state / "postgres" / "data")
        with started(options) as stack:
            resume(stack)
            assert_paid_once(stack)


@contextmanager
def stories(state: Path) -> Iterator[StackOptions]:
    """A state folder, and what its stacks start with."""
    try:
        yield StackOptions(state=state, ports=ANY_PORTS, time_scale=TIME_SCALE, settings=PACE)
    finally:
        for server in ("postgres", "valkey"):
            remove_folder(state / server)


@contextmanager
def started(options: StackOptions) -> Iterator[Stack]:
    with Stack(options) as stack:
        ask(stack, "config", json=simulation(TIME_SCALE))
        yield stack


@contextmanager
def backed_up(stack: Stack) -> Iterator[str]:
    """Jobs of which the backup that is made within forgets eight.

    The account is paused meanwhile: a base backup holds what is committed until its end, and may take longer than all
    renders.
    """
    enqueue(stack, range(KNOWN))
    wait_until(stack, lambda: made(stack) == KNOWN)
    with engine_of(stack) as engine, Session(engine) as session, session.begin():
        pause_account(session, session.scalars(select(Account.id)).one(), "a backup", now=datetime.now(UTC))
    enqueue(stack, range(KNOWN, JOBS))
    yield stack.postgres.url().replace("+psycopg", "")
    resume(stack)
    wait_until(stack, lambda: made(stack) >= KNOWN + FORGOTTEN)


def resume(stack: Stack) -> None:
    """Let the account go on, which the backup has paused."""
    with engine_of(stack) as engine, Session(engine) as session, session.begin():
        assert resume_account(session, session.scalars(select(Account.name)).one())


@contextmanager
def engine_of(stack: Stack) -> Iterator[Engine]:
    engine = create_engine(stack.postgres.url())
    try:
        yield engine
    finally:
        engine.dispose()


def enqueue(stack: Stack, numbers: range) -> None:
    with Client(stack.url("api")) as client:
        for number in numbers:
            prompt = f"a paper boat in street {number} {RENDER}"
            client.submit(model="wan2.6-t2v", prompt=prompt, duration=2, poll_interval_ms=300, resolution="720P")


def restore(server: PostgresServer, dump: Path) -> None:
    """What the runbook says: the database is kept under another name, and restored under its own."""
    admin = server.url("postgres").replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {USER} RENAME TO before_the_restore")
    options = ["--template=template0", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    run_tool("createdb", f"--maintenance-db={admin}", *options, USER)
    run_tool("pg_restore", "--exit-on-error", f"--dbname={server.url().replace('+psycopg', '')}", str(dump))


def put_back(backup: Path, data: Path) -> None:
    """As a copy of the files would, the owner kept."""
    owner = data.resolve().stat()
    shutil.rmtree(data.resolve())
    shutil.copytree(backup, data.resolve(), symlinks=True)
    for path in (data.resolve(), *data.resolve().rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    data.resolve().chmod(0o700)


def run_tool(name: str, *arguments: str) -> None:
    """A program of the embedded server's own version."""
    environment = {"PATH": os.defpath, "LC_ALL": "C", "PGUSER": USER}
    ended = subprocess.run(
        [postgres_bin() / name, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def assert_paid_once(stack: Stack) -> None:
    """Every job succeeds, no prompt was billed twice, and the books hold."""
    wait_until(stack, lambda: states(stack) == {"succeeded": JOBS}, lambda: f"{states(stack)} {reason(stack)}")
    charges = ask(stack, "ledger")["entries"]
    assert sorted(charge["prompt_sha256"] for charge in charges) == sorted({one["prompt_sha256"] for one in charges})
    assert len(charges) == JOBS
    with engine_of(stack) as engine, Session(engine) as session:
        broken = [finding for finding in audit(session) if finding.rows]
        recovered = session.connection().exec_driver_sql("SELECT 1 FROM job_events WHERE kind = 'recovered'").all()
    assert broken == []
    assert len(recovered) >= FORGOTTEN


def states(stack: Stack) -> dict[str, int]:
    """How many jobs are in which state."""
    with psycopg.connect(stack.postgres.url().replace("+psycopg", "")) as connection:
        return dict(connection.execute("SELECT state, count(*) FROM render_jobs GROUP BY state").fetchall())


def reason(stack: Stack) -> object:
    """What the gates hold back."""
    with psycopg.connect(stack.postgres.url().replace("+psycopg", "")) as connection:
        return connection.execute("SELECT is_open, cause, reason, held_tasks FROM submit_gates").fetchall()


def made(stack: Stack) -> int:
    """Tasks that were submitted and accepted, as far as the database knows."""
    with psycopg.connect(stack.postgres.url().replace("+psycopg", "")) as connection:
        return len(connection.execute("SELECT 1 FROM provider_tasks").fetchall())


def ask(stack: Stack, path: str, **options: Any) -> dict[str, Any]:
    """Ask the simulator's control plane, or tell it something."""
    method = "POST" if options else "GET"
    with httpx.Client(base_url=f"{stack.url('simulator')}/__sim__/", trust_env=False, timeout=30) as control:
        answer = control.request(method, path, **options)
    answer.raise_for_status()
    return answer.json()


def wait_until(stack: Stack, condition: Callable[[], bool], seen: Callable[[], object] = lambda: "") -> None:
    """Wait until something holds, the services kept alive meanwhile."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, f"did not come: {seen()}"
        stack.look_after()
        time.sleep(0.05)
