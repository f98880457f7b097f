"""The doctor's lines: what is well, and what is broken with its remedy."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from models import Account, AccountClock, Notice, NotificationChannel, NotificationDelivery, SubmitGate
from models.session import make_engine, make_sessions
from models.storage import LocalArchive, StorageError
from tests.conftest import free_port
from tests.support.jobs import Jobs
from tests.support.journals import journaling
from tests.support.loopback import Behaviour, hangs_up, says, serving
from tests.support.rows import Rows
from tests.support.scripted_provider import RESULT_URL, Answer, task
from tests.support.virtual_clock import VirtualClock
from workers.dispatch.dispatcher import dispatch
from workers.operator import doctor
from workers.operator.record.checks import CheckLine
from workers.runtime.context import Context

NOWHERE = "postgresql+psycopg://nobody:s3cret@127.0.0.1:1/nothing"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_ANSWER_SECONDS", 0.3)


def in_database(context: Context) -> dict[str, CheckLine]:
    return {line.subject: line for line in doctor._database(context)}


def test_a_line_shows_its_remedy_only_where_something_is_bad() -> None:
    assert str(CheckLine("key", True, "is set", "set it")) == "ok  key: is set"
    assert str(CheckLine("key", False, "is not set", "set it")) == "BAD key: is not set -> set it"


def test_a_migrated_database_is_well(context: Context) -> None:
    lines = in_database(context)

    assert (lines["database"].is_healthy, lines["migrations"].is_healthy) == (True, True)


def test_a_database_that_is_away_is_one_line_without_its_password(context: Context) -> None:
    engine = make_engine(NOWHERE)

    lines = in_database(replace(context, sessions=make_sessions(engine)))
    engine.dispose()

    assert not lines["database"].is_healthy
    assert "REELQUEUE_DATABASE_URL" in lines["database"].remedy
    assert "s3cret" not in str(lines["database"])


def test_the_journal_of_submits_is_written_and_read(jobs: Jobs, tmp_path: Path) -> None:
    jobs.context = journaling(jobs.context, tmp_path / "journal")
    before = doctor._journal(jobs.context)
    jobs.rendering()

    line = doctor._journal(jobs.context)

    assert (before.is_healthy, before.seen) == (True, f"{tmp_path}/journal: nothing was submitted yet")
    assert (line.is_healthy, line.seen) == (True, f"{tmp_path}/journal holds 1 of the newest 1 submits")


def test_a_journal_that_lacks_submits_is_bad(jobs: Jobs, tmp_path: Path) -> None:
    jobs.rendering()  # at a host with a folder of its own
    jobs.context = journaling(jobs.context, tmp_path / "journal")
    jobs.rendering()

    line = doctor._journal(jobs.context)

    assert (line.is_healthy, line.seen) == (False, f"{tmp_path}/journal holds 1 of the newest 2 submits")
    assert "REELQUEUE_JOURNAL_URL" in line.remedy


def test_a_journal_that_cannot_be_written_is_bad(context: Context, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    line = doctor._journal(journaling(context, tmp_path / "file"))

    assert not line.is_healthy
    assert "nothing is submitted" in line.remedy


def test_no_journal_is_said(context: Context) -> None:
    line = doctor._journal(context)

    assert (line.is_healthy, line.seen) == (True, "there is none, as REELQUEUE_JOURNAL_URL says")


def test_an_old_schema_names_the_command(context: Context, sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))

    line = in_database(context)["migrations"]

    assert (line.is_healthy, line.remedy) == (False, "alembic upgrade head")


@pytest.mark.parametrize(("ahead_seconds", "is_healthy"), [(0, True), (60, False), (-60, False)])
def test_a_clock_that_is_wrong_is_seen(
    context: Context, clock: VirtualClock, ahead_seconds: float, *, is_healthy: bool
) -> None:
    clock.time = datetime.now(UTC) - timedelta(seconds=ahead_seconds)

    assert in_database(context)["clock"].is_healthy is is_healthy


@pytest.mark.parametrize(
    ("offset_seconds", "uncertainty_seconds", "seen", "is_healthy"),
    [
        (0.4, 0.6, "0.4 s ahead of", True),
        (-7.0, 3.0, "7.0 s behind", True),
        (-600.0, 0.6, "600.0 s behind", False),
        (600.0, 0.6, "600.0 s ahead of", False),
    ],
)
def test_a_providers_clock_that_is_far_from_the_databases_is_bad(
    jobs: Jobs, rows: Rows, offset_seconds: float, uncertainty_seconds: float, seen: str, *, is_healthy: bool
) -> None:
    dispatch(jobs.context)
    assert "clock of default" not in in_database(jobs.context)  # nobody has asked it yet
    now = jobs.clock.now()
    clock = AccountClock(offset_seconds=offset_seconds, uncertainty_seconds=uncertainty_seconds, measured_at=now)
    with rows.sessions.begin() as session:
        clock.account_id = rows.account().id
        session.add(clock)

    line = in_database(jobs.context)["clock of default"]

    assert line.is_healthy is is_healthy
    assert f"the provider's is {seen} the database's" in line.seen


def test_a_bill_above_its_reservation_is_bad(jobs: Jobs) -> None:
    jobs.rendering()
    assert in_database(jobs.context)["bills"].is_healthy

    jobs.poll(task("SUCCEEDED", video_url=RESULT_URL, usage={"duration": 15, "SR": 1080}))

    assert str(in_database(jobs.context)["bills"]).startswith("BAD bills: 1 tasks of the last week were billed more")
    jobs.clock.advance(8 * 86_400)
    assert in_database(jobs.context)["bills"].is_healthy


def test_a_model_that_the_provider_wants_held_is_bad(jobs: Jobs) -> None:
    jobs.provider.on_submit(Answer(429, b"slow down"), Answer(429, b"slow down", {"Retry-After": "86400"}))
    jobs.rendering()
    assert "wan2.6-t2v of account default" not in in_database(jobs.context)
    jobs.clock.advance(100)
    dispatch(jobs.context)

    jobs.submit(jobs.hints.submits[-1])

    line = in_database(jobs.context)["wan2.6-t2v of account default"]
    assert str(line).startswith("BAD wan2.6-t2v of account default: the provider wants it held until 2026-11-24")
    assert "accounts resume default" in line.remedy


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (task("SUCCEEDED", usage={"duration": 5, "SR": 720}), "task-1 is SUCCEEDED without a result"),
        (task("SUSPENDED"), "task-1 is 'SUSPENDED'"),
    ],
)
def test_an_odd_answer_about_a_task_is_named(jobs: Jobs, said: Answer, seen: str) -> None:
    jobs.rendering()
    jobs.poll(task("RUNNING"))
    assert in_database(jobs.context)["odd answers"].is_healthy

    jobs.poll(said)

    assert str(in_database(jobs.context)["odd answers"]).startswith(f"BAD odd answers: 1 task: {seen} -> ")


def test_a_paused_account_is_bad_until_it_is_resumed(jobs: Jobs, rows: Rows) -> None:
    dispatch(jobs.context)
    rows.change(Account, Account.name == "default", paused_at=jobs.clock.now(), paused_reason="Arrearage")

    line = in_database(jobs.context)["account default"]

    assert "Arrearage" in line.seen
    assert "accounts resume default" in line.remedy


def test_an_account_without_its_key_is_bad_before_it_gets_a_job(jobs: Jobs, rows: Rows) -> None:
    dispatch(jobs.context)
    assert "key of account second" not in in_database(jobs.context)
    with jobs.context.sessions.begin() as session:
        session.add(Account(name="second", base_url="https://dashscope.test", region="x", key_env="SECOND_KEY"))

    line = in_database(jobs.context)["key of account second"]

    assert not line.is_healthy
    assert "set SECOND_KEY for the workers" in line.seen


def test_what_people_were_not_told_is_bad(jobs: Jobs) -> None:
    with jobs.context.sessions.begin() as session:
        now = jobs.clock.now()
        channel = NotificationChannel(name="team", url_env="TEAM_URL", events=[], has_prompts=False, created_at=now)
        notice = Notice(kind="account.paused", subject="x", marker="y", facts={}, occurred_at=now)
        session.add_all([channel, notice])
        session.flush()
        failed = {"last_error": "HTTP 403", "asked_at": now, "next_attempt_at": now}
        session.add(NotificationDelivery(channel_id=channel.id, notice_id=notice.id, **failed))

    said = [str(line) for line in doctor._database(jobs.context) if line.subject == "channel team"]

    test = "python -m workers notify test team"
    remedies = [
        f"set it for the workers and restart them, then {test}",
        f"fix the URL in TEAM_URL or its service, then {test}",
    ]
    assert said == [
        f"BAD channel team: TEAM_URL is not set here -> {remedies[0]}",
        f"BAD channel team: 1 notifications are not delivered: HTTP 403 -> {remedies[1]}",
    ]


def test_a_folder_that_is_nearly_full_is_bad_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=2 * 1024**3 - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)

    with pytest.raises(StorageError, match="only 2,048 MiB are free, less than one result may have; free space"):
        LocalArchive(tmp_path / "archive").check()


def test_a_database_that_went_back_in_time_is_bad_until_it_is_compared(jobs: Jobs, rows: Rows) -> None:
    assert "gate of default" not in in_database(jobs.context)
    rows.change(SubmitGate, database_id="of a backup")

    line = in_database(jobs.context)["gate of default"]

    assert (line.is_healthy, line.seen.startswith("takes no submits: ")) == (False, True)
    assert "python -m workers recover" in line.remedy


def test_orphans_that_nobody_has_adopted_are_bad(jobs: Jobs, rows: Rows) -> None:
    dispatch(jobs.context)
    assert "orphans of default" not in in_database(jobs.context)  # nobody has looked yet
    rows.change(Account, Account.name == "default", orphan_task_ids=["stray"], orphans_seen_at=jobs.clock.now())

    line = in_database(jobs.context)["orphans of default"]

    assert not line.is_healthy
    assert line.seen.startswith("1 tasks")


def test_a_missing_key_names_the_variables(context: Context) -> None:
    assert doctor._keys(context).is_healthy
    line = doctor._keys(replace(context, environment={"DASHSCOPE_API_KEY": " "}))

    assert not line.is_healthy
    assert "ALIBABA_API_KEY" in str(line)
    assert "DASHSCOPE_API_KEY" in str(line)


def test_a_key_is_never_shown(context: Context) -> None:
    assert "canary" not in str(doctor._keys(context))


def test_a_folder_that_can_be_written_is_well(context: Context) -> None:
    line = doctor._storage(context)

    assert line.is_healthy
    assert list(context.archive.root.iterdir()) == []


def test_a_folder_that_cannot_be_written_names_the_variable(context: Context, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    line = doctor._storage(replace(context, archive=LocalArchive(tmp_path / "file" / "archive")))

    assert not line.is_healthy
    assert "REELQUEUE_ARCHIVE_URL" in line.remedy


@pytest.mark.parametrize(
    ("behaviour", "is_healthy"),
    [
        (says("401 Unauthorized", b""), True),
        (says("200 OK", b"<html>every task of yours</html>"), False),
        (says("302 Found", b"", Location="/login"), False),
        (hangs_up, True),  # whatever it is, it shows no tasks
        (lambda connection: connection.sendall(b"220 smtp.example ESMTP\r\n"), True),
    ],
)
def test_flower_must_ask_a_stranger_who_he_is(context: Context, behaviour: Behaviour, *, is_healthy: bool) -> None:
    with serving(behaviour) as server:
        line = doctor._flower(replace(context, environment={"REELQUEUE_FLOWER_URL": server.url}))

    assert line.is_healthy is is_healthy


def test_without_flower_there_is_nothing_to_lock(context: Context) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    assert doctor._flower(replace(context, environment={"REELQUEUE_FLOWER_URL": url})).is_healthy


def test_a_broker_that_answers_is_well(broker_url: str) -> None:
    with Celery(broker=broker_url, set_as_current=False) as app:
        assert doctor._broker(app).is_healthy


def test_nobody_at_work_is_bad(broker_url: str) -> None:
    with Celery(broker=broker_url, set_as_current=False) as app:
        line = doctor._workers(app)

    assert not line.is_healthy
    assert "0 answer, and no worker serves archive, batch, control, intake, poll, submit, text" in line.seen


def test_with_everything_broken_every_line_comes(context: Context, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    engine = make_engine(NOWHERE)
    ruined = replace(
        context,
        sessions=make_sessions(engine),
        archive=LocalArchive(tmp_path / "file"),
        environment={"REELQUEUE_FLOWER_URL": f"http://127.0.0.1:{free_port()}"},
    )

    with Celery(broker=f"redis://:s3cret@127.0.0.1:{free_port()}/0", set_as_current=False) as app:
        bad = {line.subject: line for line in doctor.examine(ruined, app) if not line.is_healthy}
    engine.dispose()

    assert set(bad) == {"database", "broker", "key", "storage", "workers"}
    assert "REELQUEUE_BROKER_URL" in bad["broker"].remedy
    assert "s3cret" not in str(bad)
