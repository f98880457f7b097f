"""A request holds a connection only while it works: never while its body arrives or its answer is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from psycopg.errors import IdleInTransactionSessionTimeout
from sqlalchemy import exc, select
from sqlalchemy.orm import Session

from api import dependencies
from api.app import _ROUTES
from api.http import request_body
from api.problem_details import _database_ended_it
from api.settings import ApiSettings
from models.campaign import Campaign
from models.tenant import ensure_tenant
from tests.api.conftest import problem, serving

READERS = {request_body._read, request_body._read_small, request_body._read_unsigned}


def calls(dependant: Dependant) -> Iterator[object]:
    """What a request runs, in its order."""
    for needed in dependant.dependencies:
        yield from calls(needed)
    yield dependant.call


def test_no_request_has_a_session_while_its_body_arrives() -> None:
    checked = 0
    for route in (route for routes in _ROUTES for route in routes.router.routes):
        assert isinstance(route, APIRoute)
        order = list(calls(route.dependant))
        reads = [order.index(call) for call in READERS & set(order)]
        if reads and dependencies._turn in order:
            checked += 1
            assert max(reads) < order.index(dependencies._turn), route.path
    assert checked > 10


def test_who_waits_too_long_for_a_turn_is_asked_to_come_back(
    settings: ApiSettings, rows: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "TURN_SECONDS", 0.01)
    with serving(settings.model_copy(update={"api_database_connections": 1})) as api:
        campaign = lock(rows)
        with ThreadPoolExecutor() as pool:
            waits = pool.submit(api.post, f"/v1/campaigns/{campaign}/pause")  # for the row that this test has locked
            refused = first(api, lambda answer: answer.status_code == 503)
            rows.rollback()
            assert waits.result().status_code == 200

    assert problem(refused)["code"] == "busy"
    assert refused.headers["retry-after"] == "2"


def lock(rows: Session) -> str:
    """A campaign whose row nobody else can change until the test lets go."""
    rows.add(Campaign(name="held", tenant_id=ensure_tenant(rows)))
    rows.commit()
    rows.execute(select(Campaign).where(Campaign.name == "held").with_for_update())
    return "held"


def first(api: httpx.Client, wanted: Callable[[httpx.Response], bool]) -> httpx.Response:
    """The first answer of a kind; the request that waits may not have come so far yet."""
    while not wanted(answer := api.get("/v1/jobs")):
        pass
    return answer


def test_a_transaction_that_the_database_ended_is_worth_another_try() -> None:
    asked = Request({"type": "http", "path": "/v1/jobs", "method": "GET", "headers": []})

    answer = _database_ended_it(asked, exc.InternalError("SELECT", None, IdleInTransactionSessionTimeout()))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_no_answer_may_be_framed(api: httpx.Client) -> None:
    for path in ("/docs", "/redoc", "/openapi.json", "/v1/jobs", "/campaigns", "/nowhere"):
        answer = api.get(path)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
        assert answer.headers["x-frame-options"] == "DENY", path
