"""GET /v1/statement: what the caller paid, and nobody else."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models.api_key import ApiKey
from models.tenant import ensure_tenant
from tests.api.conftest import problem, serving
from tests.support.stored_jobs import NOW
from tests.support.stored_payments import store_payment


def read(api: httpx.Client, **parameters: str) -> dict[str, Any]:
    answer = api.get("/v1/statement", params=parameters)
    assert answer.status_code == 200, answer.text
    statement: dict[str, Any] = answer.json()
    return statement


def test_money_is_exact_and_in_groups(api: httpx.Client, rows: Session) -> None:
    for day in range(3):
        store_payment(rows, at=NOW + timedelta(days=day))
    rows.commit()

    statement = read(api, **{"from": "2026-11-24", "to": "2026-11-24"})

    assert [(line["group"], line["amount"], line["currency"]) for line in statement["lines"]] == [
        ("2026-11-24", "0.50", "USD")
    ]
    assert (statement["first_day"], statement["unaccounted_seconds"]) == ("2026-11-24", "0")


def test_a_tenant_is_told_of_its_own_payments(settings: ApiSettings, rows: Session) -> None:
    for name in ("alice", "bob", "bob"):
        store_payment(rows, tenant_id=ensure_tenant(rows, name))
    digest = hashlib.sha256(b"rq_bob").hexdigest()
    rows.add(ApiKey(name="bob", tenant_id=ensure_tenant(rows, "bob"), sha256=digest))
    rows.commit()

    with serving(settings, require_key=True) as locked:
        locked.headers["Authorization"] = "Bearer rq_bob"
        statement = read(locked, by="campaign")

    assert [(line["group"], line["clips"]) for line in statement["lines"]] == [("default", 2)]


def test_a_caller_without_a_key_is_told_of_everybodys(api: httpx.Client, rows: Session) -> None:
    for name in ("alice", "bob"):
        store_payment(rows, tenant_id=ensure_tenant(rows, name))
    rows.commit()

    lines = read(api, by="campaign")["lines"]

    assert [line["group"] for line in lines] == ["alice/default", "bob/default"]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"by": "week"}, "by"),
        ({"from": "1790000000"}, "from"),
        ({"from": "2026-11-31"}, "from"),
        ({"from": "2026-11-24", "to": "2026-11-23"}, "to"),
        ({"form": "2026-11-24"}, "form"),  # a misspelt range would state everything
    ],
)
def test_a_wrong_parameter_is_named(api: httpx.Client, parameters: dict[str, str], field: str) -> None:
    answer = api.get("/v1/statement", params=parameters)

    assert (answer.status_code, problem(answer)["field"]) == (422, field)


def test_the_ends_of_time_are_days(api: httpx.Client) -> None:
    assert read(api, **{"from": "0001-01-01", "to": "9999-12-31"})["lines"] == []
