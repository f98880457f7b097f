"""Which waiting jobs may have made a listed task: all that can, read without holding a transaction open."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool

from models.session import make_sessions
from reelqueue.states import RenderState
from tests.support.stored_jobs import NOW, store_job
from workers.dashscope import echoes
from workers.recovery import candidates
from workers.recovery.candidates import candidates_for


@dataclass
class Normalised:
    """Texts that were normalised, and how many connections were in use then."""

    engine: Engine
    texts: list[str] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)

    def __call__(self, text: str) -> str:
        """Note it."""
        assert isinstance(self.engine.pool, QueuePool)
        self.texts.append(text)
        self.connections.add(self.engine.pool.checkedout())
        return text


@pytest.fixture
def own_sessions(own_engine: Engine) -> sessionmaker[Session]:
    return make_sessions(own_engine)


def test_each_text_is_normalised_once_and_outside_of_transactions(
    own_engine: Engine, own_sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    normalised = Normalised(own_engine)
    monkeypatch.setattr(echoes, "_tidy", normalised)
    monkeypatch.setattr(candidates, "_READ_AT_ONCE", 2)
    with own_sessions.begin() as session:
        for number in range(5):
            store_job(session, prompt=f"job {number}")

    found = candidates_for(own_sessions, None, ["job 3", "another program's"], silent=False)

    assert [job.prompt for job in found] == ["job 3"]
    assert sorted(normalised.texts) == [
        "another program's",
        *(f"job {number}" for number in range(4)),
        "job 3",
        "job 4",
    ]
    assert normalised.connections == {0}


def test_pages_have_the_order_of_submits(own_sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_READ_AT_ONCE", 2)
    with own_sessions.begin() as session:
        for number, priority in enumerate((0, 5, 0, 9, 5)):
            store_job(session, prompt=str(number), priority=priority, created_at=NOW + timedelta(seconds=number))
        store_job(session, RenderState.SUCCEEDED)

    found = candidates_for(own_sessions, {"wan2.6-t2v"}, [], silent=True)

    assert [job.prompt for job in found] == ["3", "1", "4", "0", "2"]


def test_a_silent_tasks_job_is_found_behind_any_number_of_others(own_sessions: sessionmaker[Session]) -> None:
    with own_sessions.begin() as session:
        for _ in range(201):
            store_job(session, priority=1)
        store_job(session, model="wan2.5-t2v-preview")

    found = candidates_for(own_sessions, {"wan2.6-t2v", "wan2.5-t2v-preview"}, [], silent=True)

    assert found[-1].model == "wan2.5-t2v-preview"
