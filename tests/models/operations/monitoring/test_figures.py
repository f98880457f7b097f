"""Figures read live rows alone, so that millions of finished ones cost nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from models.operations.monitoring.figures import read_figures
from tests.support.stored_jobs import NOW, store_job

_GROWING = "render_jobs|attempts|provider_tasks|text_jobs|text_attempts|webhook_deliveries|ledger_entries"
_SCAN = re.compile(rf"Seq Scan on ({_GROWING})")

Asked = list[tuple[str, object]]


@pytest.fixture
def asked(engine: Engine) -> Iterator[Asked]:
    """Every statement that is executed, with its parameters."""
    statements: Asked = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_no_figure_reads_a_whole_table(session: Session, asked: Asked) -> None:
    store_job(session)
    session.flush()
    asked.clear()

    figures = list(read_figures(session, NOW))

    statements = list(asked)
    assert len({figure.name for figure in figures}) == len(figures) > 15
    session.execute(text("SET LOCAL enable_seqscan = off"))  # on a few rows the planner takes none for its own sake
    connection = session.connection()
    plans = {
        statement: "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())  # type: ignore[call-overload]
        for statement, parameters in statements
    }
    assert {statement: plan for statement, plan in plans.items() if _SCAN.search(plan)} == {}
