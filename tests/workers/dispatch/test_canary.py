"""The account's key is in the environment and in one header; nothing else ever shows it."""

from __future__ import annotations

import traceback

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from models import Base
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import Said, accepted, refused, task
from tests.workers.conftest import CANARY
from workers.dashscope import DashScope, ProviderError
from workers.dashscope.client import Endpoint
from workers.runtime.context import Context
from workers.sweep.sweep import sweep

ECHO = f"Incorrect API key provided: {CANARY}."


def test_it_is_in_no_representation(context: Context, jobs: Jobs, rows: Rows) -> None:
    jobs.rendering()
    endpoint = Endpoint("https://dashscope.test", SecretStr(CANARY), {"X-Studio": "a"})
    things = [context, context.settings, endpoint, DashScope(endpoint), context.key_of(rows.account()), jobs]

    assert [repr(thing) for thing in things if CANARY in repr(thing) + str(thing)] == []


@pytest.mark.parametrize(
    "said",
    [
        httpx.ConnectError("refused"),
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {CANARY}'"),
        httpx.ReadError("reset"),
        refused(401, "InvalidApiKey", ECHO),  # some services quote what they were given
        refused(500, "InternalError", ECHO),
    ],
    ids=str,
)
def test_it_is_in_no_error(context: Context, jobs: Jobs, rows: Rows, said: Said) -> None:
    jobs.provider.on_query(said)
    jobs.rendering()

    with pytest.raises(ProviderError) as caught:
        context.host.run(ask(context, rows))

    shown = "".join(traceback.format_exception_only(caught.value)) + repr(caught.value) + str(vars(caught.value))
    assert CANARY not in shown


async def ask(context: Context, rows: Rows) -> object:
    async with context.provider(rows.account()) as provider:
        return await provider.get("task-1")


def test_it_is_in_no_row_and_no_log(jobs: Jobs, rows: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    jobs.provider.on_submit(
        accepted("task-1"),
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {CANARY}'"),
        refused(400, "InvalidParameter", ECHO),
        refused(500, "InternalError", ECHO),
        refused(401, "InvalidApiKey", ECHO),
    )
    for _ in range(5):
        jobs.rendering()
        jobs.clock.advance(2)
    jobs.poll(task("FAILED", code="InvalidApiKey", message=ECHO))
    sweep(jobs.context)

    assert [table for table in Base.metadata.tables if CANARY in dump(rows, table)] == []
    assert CANARY not in "".join(capsys.readouterr())


def dump(rows: Rows, table: str) -> str:
    with rows.sessions.begin() as session:
        return str(session.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608 -- our own table
