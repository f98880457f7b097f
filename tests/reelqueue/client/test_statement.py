"""Statements over the client and at the command line."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from api.settings import ApiSettings
from reelqueue import Grouping
from reelqueue.cli._app import app
from tests.reelqueue.client.conftest import World
from tests.support.stored_jobs import NOW
from tests.support.stored_payments import store_payment


def pay(settings: ApiSettings, **facts: Any) -> None:
    engine = create_engine(settings.database_url.get_secret_value())
    with Session(engine) as session, session.begin():
        store_payment(session, **facts)
    engine.dispose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["statement", *arguments])


def test_a_client_reads_what_was_paid(world: World, server: str, settings: ApiSettings) -> None:
    pay(settings)

    statement = world.run(world.connect(server).statement(by=Grouping.MODEL, last_day=NOW.date()))

    (line,) = statement.lines
    assert (line.group, line.clips, line.amount) == ("wan2.6-t2v", 1, Decimal("0.50"))
    assert (statement.first_day, statement.last_day) == (None, date(2026, 11, 23))


def test_the_table_has_a_line_a_group_and_the_total(server: str, settings: ApiSettings) -> None:
    pay(settings)
    pay(settings, model="wan2.7-t2v")

    result = run("--by", "model")

    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["model", "clips", "seconds", "paid", "estimate", "written", "off", "reserved"]
    assert [line[0] for line in lines[1:]] == ["wan2.6-t2v", "wan2.7-t2v", "total"]
    assert lines[3] == ["total", "2", "10", "1.00", "0.00", "0.00", "0.00", "USD"]
    assert result.exit_code == 0


def test_json_has_the_same(server: str, settings: ApiSettings) -> None:
    pay(settings)

    statement = json.loads(run("--json", "--from", "2026-11-23", "--to", "2026-11-23").stdout)

    assert [(line["group"], line["amount"]) for line in statement["lines"]] == [("2026-11-23", "0.50")]


def test_a_second_that_is_not_accounted_for_is_exit_code_1(server: str, settings: ApiSettings) -> None:
    pay(settings, seconds=5, settled_seconds=4)

    result = run()

    assert result.exit_code == 1
    assert "1 billed seconds are not accounted for" in result.stderr
