"""``python -m workers recover``: what a restored database holds back, and an operator's decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import typer

from models import SubmitGate
from models.base import new_id
from models.session import DatabaseClock, make_engine, make_sessions
from reelqueue.states import RenderState
from tests.conftest import Simulator
from tests.support.commands import Ended, Run
from tests.support.journals import journaling, submit_at
from tests.support.recorded_hints import RecordedHints
from tests.support.simulated import KEY, PROMPT, Simulated
from workers.dispatch.dispatcher import dispatch
from workers.runtime.context import Context


@dataclass
class Desk:
    """An operator at a database that forgot a task which fits two jobs."""

    simulated: Simulated
    run: Run
    jobs: list[UUID]
    task_id: str

    def recover(self, *words: str, **environment: str) -> Ended:
        """Run the command against the simulator."""
        address = {"REELQUEUE_VIDEO_BASE_URL": self.simulated.simulator.base_url, "ALIBABA_API_KEY": KEY}
        return self.run("recover", *words, **address, **environment)

    def states(self) -> list[RenderState]:
        """Of the two jobs."""
        return [self.simulated.rows.state(one) for one in self.jobs]


@pytest.fixture
def desk(context: Context, hints: RecordedHints, simulator: Simulator, database_url: str, run: Run) -> Iterator[Desk]:
    provider = context.settings.provider.model_copy(
        update={"video_base_url": simulator.base_url, "http_transport": None}
    )
    engine = make_engine(database_url)
    outside = {"sessions": make_sessions(engine), "clock": DatabaseClock(), "environment": {"ALIBABA_API_KEY": KEY}}
    settings = replace(context.settings, provider=provider)
    simulated = Simulated(replace(context, settings=settings, **outside), hints, simulator)
    dispatch(simulated.context)
    jobs = [simulated.queued(seed=seed) for seed in (1, 2)]
    task_id = simulated.stray(PROMPT, seconds=2)
    simulated.rows.change(SubmitGate, server_started_at=None)
    assert dispatch(simulated.context) == []
    yield Desk(simulated, run, jobs, task_id)
    engine.dispose()


def test_it_shows_what_is_open_and_the_way_out(desk: Desk) -> None:
    said = desk.recover()

    assert "default takes no jobs of wan2.6-t2v: 1 listed tasks fit several waiting jobs" in said.out
    assert f"task {desk.task_id} wan2.6-t2v SUCCEEDED" in said.out
    assert f"by their order: --pair {desk.task_id}={desk.jobs[0]}" in said.out
    assert "1 accounts hold jobs back" in said.err
    shown = json.loads(desk.recover("--json").out)
    assert (shown["task"], shown["jobs"]) == (desk.task_id, [str(one) for one in desk.jobs])


def test_it_shows_what_the_journal_has(desk: Desk, tmp_path: Path) -> None:
    journal = journaling(desk.simulated.context, tmp_path / "journal").journal
    waiting, gone = (submit_at(datetime.now(UTC), one) for one in (desk.jobs[0], new_id()))
    journal.leaving(waiting)
    journal.made(waiting.attempt_id, "forgotten", at=waiting.claimed_at)
    journal.leaving(gone)
    desk.simulated.rows.change(SubmitGate, database_id="another")
    place = {"REELQUEUE_JOURNAL_URL": f"file://{tmp_path}/journal"}

    said, shown = desk.recover(**place).out, desk.recover("--json", **place).out

    assert f"job {desk.jobs[0]} wan2.6-t2v submitted " in said
    assert "task forgotten, by the journal: gets its task when no POST can be under way any more" in said
    assert "no answer, by the journal: is gone with the backup" in said
    facts = [json.loads(line) for line in shown.splitlines()]
    assert [(one["journal"], one["jobs"]) for one in facts if "journal" in one] == [
        ("waiting", [str(desk.jobs[0])]),
        ("gone", [str(gone.job_id)]),
    ]


def test_of_more_tasks_than_jobs_no_pair_is_proposed(desk: Desk) -> None:
    for _ in range(2):
        desk.simulated.stray(PROMPT, seconds=2)

    said = desk.recover().out

    assert said.count("more tasks than jobs: one is another program's, or its job is gone with the backup") == 3
    assert "--pair" not in said


def test_the_list_of_accounts_says_what_the_gate_holds(desk: Desk) -> None:
    said = desk.run("accounts", "list")

    assert "default: takes no submits of wan2.6-t2v: 1 listed tasks fit several waiting jobs" in said.out


def test_a_pair_gives_the_task_to_its_job_and_the_rest_goes_on(desk: Desk) -> None:
    said = desk.recover("--pair", f"{desk.task_id}={desk.jobs[1]}", "--yes")

    assert f"render job {desk.jobs[1]} follows task {desk.task_id}" in said.out
    assert desk.states() == [RenderState.QUEUED, RenderState.ARCHIVING]
    assert [one.job_id for one in dispatch(desk.simulated.context)] == [desk.jobs[0]]


def test_a_task_that_is_ruled_out_holds_nothing(desk: Desk) -> None:
    assert desk.recover("--foreign", desk.task_id, "--yes").exit_code == 0

    assert len(dispatch(desk.simulated.context)) == 2


def test_an_account_can_be_opened_all_the_same(desk: Desk) -> None:
    assert desk.recover("--open", "default", "--yes").exit_code == 0

    assert len(dispatch(desk.simulated.context)) == 2


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["--pair", "nothing"], "is not of the form TASK=JOB"),
        (["--foreign", "unheard-of", "--yes"], "task unheard-of is not among those that are open"),
        (["--open", "other", "--yes"], "account other holds nothing back; these do: default"),
    ],
)
def test_a_wrong_decision_changes_nothing(desk: Desk, words: list[str], seen: str) -> None:
    said = desk.recover(*words)

    assert said.exit_code != 0
    assert seen in said.err.replace("\n", " ")
    assert desk.states() == [RenderState.QUEUED] * 2
    assert dispatch(desk.simulated.context) == []


def test_without_a_yes_nothing_is_decided(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def say_no(question: str, **_: object) -> None:
        asked.append(question)
        raise typer.Abort

    monkeypatch.setattr(typer, "confirm", say_no)

    assert desk.recover("--open", "default").exit_code != 0
    assert asked == ["default (1 tasks open): takes submits although their jobs may be paid for twice. Go on?"]
    assert dispatch(desk.simulated.context) == []
