"""``python -m workers why``: what operators read."""

from __future__ import annotations

import json
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import Account
from tests.support.commands import Run
from tests.support.stored_jobs import NOW, store_account, store_job


def paused_and_without_the_model(engine: Engine) -> str:
    with Session(engine) as session, session.begin():
        account = session.get_one(Account, store_account(session, "studio"))
        account.paused_at, account.paused_reason = NOW, "Arrearage"
        store_account(session, "spare")
        return str(store_job(session))


def test_each_account_is_named_with_the_command_that_changes_it(run: Run, own_engine: Engine) -> None:
    ended = run("why", paused_and_without_the_model(own_engine))

    assert ended.exit_code == 0
    assert "no worker has looked at the provider account yet" in ended.out
    assert "python -m workers accounts resume studio" in ended.out


def test_for_programs_it_is_json(run: Run, own_engine: Engine) -> None:
    found = json.loads(run("why", paused_and_without_the_model(own_engine), "--json").out)

    assert (found["cause"], found["account"]) == ("gate", "spare")
    assert [(one["account"], one["cause"]) for one in found["others"]] == [("studio", "account_paused")]


def test_an_unknown_job_is_one_clear_line(run: Run) -> None:
    job_id = uuid4()

    ended = run("why", str(job_id))

    assert ended.exit_code == 1
    said = f"error: there is no render job {job_id}; take the id from `reelqueue jobs` or from Flower"
    assert ended.err.strip() == said
