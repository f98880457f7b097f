"""The operators' commands: what they print, and their exit codes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from models import Account, ApiKey
from models.tenant import ensure_tenant
from tests.conftest import Simulator
from tests.support.commands import Run
from tests.support.stored_jobs import NOW, store_account, store_job
from tests.support.stored_payments import store_payment

ROOT = Path(__file__).parents[3]


def test_an_audit_without_findings_ends_well(run: Run) -> None:
    ended = run("audit")

    assert ended.exit_code == 0
    assert "0 broken" in ended.err
    assert all(line.startswith("ok") for line in ended.out.splitlines())


def test_an_audit_with_findings_shows_them_and_ends_badly(run: Run, own_engine: Engine) -> None:
    with Session(own_engine) as session, session.begin():
        job_id = store_job(session)  # without its first event

    ended = run("audit")

    assert ended.exit_code == 1
    assert "BROKEN every_state_has_its_event" in ended.out
    assert str(job_id) in ended.out


def test_an_audit_corrects_the_counts_of_campaigns_where_it_is_asked_to(run: Run, own_engine: Engine) -> None:
    with Session(own_engine) as session, session.begin():
        session.execute(text("INSERT INTO campaign_counts (campaign_id, state, count) VALUES (:id, 'queued', 7)"),
                        {"id": uuid4()})  # fmt: skip

    broken, corrected = run("audit"), run("audit", "--recount")

    assert (broken.exit_code, "BROKEN campaign_counts_are_the_jobs" in broken.out) == (1, True)
    assert (corrected.exit_code, "1 sums of campaigns corrected" in corrected.err) == (0, True)


def test_an_audit_warns_of_a_bill_above_its_reservation_and_ends_well(run: Run, own_engine: Engine) -> None:
    with Session(own_engine) as session, session.begin():
        store_job(session)
        account = store_account(session)
        session.execute(
            text("""INSERT INTO job_events (job_id, at, kind, to_state, detail)
                    SELECT id, now(), 'state', state, '{}' FROM render_jobs""")
        )
        for kind, amount in (("reserve", "0.50"), ("release", "-0.50"), ("settle", "0.60")):
            session.execute(
                text("""INSERT INTO ledger_entries
                          (at, kind, campaign_id, job_id, account_id, amount, currency, seconds)
                        SELECT now(), :kind, campaign_id, id, :account, :amount, 'USD', 6 FROM render_jobs"""),
                {"kind": kind, "amount": amount, "account": account},
            )

    ended = run("audit")

    assert ended.exit_code == 0
    assert "0 broken, 1 warning" in ended.err
    assert "WARN   bill_is_reserved" in ended.out
    assert "billed=0.6" in ended.out


def test_an_audit_for_programs_is_json(run: Run) -> None:
    lines = [json.loads(line) for line in run("audit", "--json").out.splitlines()]

    assert {line["holds"] for line in lines} == {True}
    assert {"one_open_attempt", "slots_within_limits"} <= {line["check"] for line in lines}


def test_a_key_is_shown_once_and_kept_as_a_hash(run: Run, own_engine: Engine) -> None:
    key = run("keys", "create", "studio").out.strip()

    with Session(own_engine) as session:
        stored = session.scalars(select(ApiKey)).one()
    assert key.startswith("rq_")
    assert (stored.name, stored.sha256) == ("studio", hashlib.sha256(key.encode()).hexdigest())


def test_a_second_key_of_a_name_is_one_clear_line(run: Run) -> None:
    run("keys", "create", "studio")

    ended = run("keys", "create", "studio")

    assert (ended.exit_code, ended.out) == (1, "")
    assert ended.err == "error: there is a key named studio already; choose another name, or keys rotate studio\n"


def test_an_account_is_resumed(run: Run, own_engine: Engine) -> None:
    with Session(own_engine) as session, session.begin():
        account = session.get_one(Account, store_account(session, "studio"))
        account.paused_at, account.paused_reason = NOW, "Arrearage"

    ended = run("accounts", "resume", "studio")

    assert (ended.exit_code, ended.out) == (0, "account studio is resumed\n")
    assert run("accounts", "resume", "studio").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [("adopt", str(uuid4()), "task-1"), ("resubmit", str(uuid4())), ("write-off", str(uuid4()))],
    ids=lambda words: words[0],
)
def test_a_review_of_an_unknown_job_is_one_clear_line(run: Run, words: tuple[str, ...]) -> None:
    ended = run("review", *words)

    assert (ended.exit_code, ended.out) == (1, "")
    assert "does not exist" in ended.err


def test_nothing_under_review_is_an_empty_list(run: Run) -> None:
    ended = run("review", "list", "--json")

    assert (ended.exit_code, ended.out) == (0, "")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("REELQUEUE_DATABASE_URL", "postgresql+psycopg://u:s3cret@127.0.0.1:1/x", "connection failed"),
        ("REELQUEUE_ARCHIVE_URL", "ftp://clips", "REELQUEUE_ARCHIVE_URL"),
        ("REELQUEUE_ORPHANS", "forget", "REELQUEUE_ORPHANS"),
        ("REELQUEUE_VIDEO_BASE_URL", "dashscope", "REELQUEUE_VIDEO_BASE_URL"),
    ],
)
def test_what_is_missing_or_wrong_is_one_clear_line(run: Run, variable: str, value: str, said: str) -> None:
    ended = run("audit", **{variable: value})

    assert (ended.exit_code, ended.out) == (1, "")
    assert said in ended.err
    assert ended.err.startswith("error: ")
    assert "s3cret" not in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_database_without_tables_is_one_clear_line(run: Run, own_engine: Engine) -> None:
    with own_engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))

    ended = run("audit")

    assert ended.exit_code == 1
    assert len(ended.err.splitlines()) == 1


def test_a_wrong_setting_of_a_fresh_process_is_one_clear_line() -> None:
    """The app reads its settings when it is imported, which must not end in a traceback."""
    environment = {**os.environ, "REELQUEUE_ARCHIVE_MAX_BYTES": "much"}

    ended = subprocess.run(
        [sys.executable, "-m", "workers", "doctor"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: the environment has a wrong value: REELQUEUE_ARCHIVE_MAX_BYTES")


def test_an_audit_against_the_provider_compares_with_its_list(run: Run, simulator: Simulator) -> None:
    ended = run("audit", "--provider", REELQUEUE_VIDEO_BASE_URL=simulator.base_url)

    assert ended.exit_code == 0
    assert "ok     list_is_readable" in ended.out


def test_orphans_are_shown_with_what_they_cost(run: Run) -> None:
    ended = run("adopt", "--since", "90m")

    assert (ended.exit_code, ended.err) == (0, "0 orphans\n")


def test_a_window_that_the_provider_does_not_list_is_refused(run: Run) -> None:
    ended = run("adopt", "--since", "2d")

    assert ended.exit_code == 2
    assert "24h or 90m" in ended.err


def test_operators_state_what_a_tenant_paid(run: Run, own_engine: Engine) -> None:
    with Session(own_engine) as session, session.begin():
        for name in ("alice", "bob"):
            store_payment(session, tenant_id=ensure_tenant(session, name))

    ended = run("statement", "--tenant", "bob", "--by", "campaign", "--json")

    assert ended.exit_code == 0
    assert [line["group"] for line in json.loads(ended.out)["lines"]] == ["default"]
    assert run("statement", "--tenant", "carol").err == "error: there is no tenant named carol\n"
