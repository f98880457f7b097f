"""Above a tenant's amount, a key that did not apply a campaign raises its budget and approves it."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import Campaign, RenderJob
from models.api_key import ApiKey
from models.tenant import Tenant, ensure_tenant
from reelqueue.states import RenderState
from tests.api.conftest import problem
from tests.support.campaigns import clips, make, submit_clips

AGREED = {"budget": "1.00 USD"}
Headers = dict[str, str]


@pytest.fixture
def anna(rows: Session) -> Headers:
    """A key of a tenant whose people agree to a dollar alone."""
    return key(rows, "anna")


@pytest.fixture
def ben(rows: Session) -> Headers:
    """Another key of the same tenant."""
    return key(rows, "ben")


def key(rows: Session, name: str) -> Headers:
    tenant_id = ensure_tenant(rows, "studio")
    rows.execute(update(Tenant).values(approval_amount=Decimal(1), approval_currency="USD"))
    rows.add(ApiKey(name=name, tenant_id=tenant_id, sha256=hashlib.sha256(name.encode()).hexdigest()))
    rows.commit()
    return {"Authorization": f"Bearer {name}"}


def put(api: httpx.Client, headers: Headers, **options: Any) -> httpx.Response:
    return api.put("/v1/campaigns/autumn", json=options, headers=headers)


def approve(api: httpx.Client, headers: Headers) -> httpx.Response:
    return api.post("/v1/campaigns/autumn/approve", headers=headers)


def apply(api: httpx.Client, headers: Headers, count: int = 4) -> None:
    api.headers.update(headers)
    make(api, **AGREED, canary=1)
    submit_clips(api, *clips(count, resolution="720P"))


def refused(answer: httpx.Response) -> str:
    assert (answer.status_code, problem(answer)["code"]) == (403, "second_person_required"), answer.text
    return str(problem(answer)["detail"])


@pytest.mark.parametrize("options", [{"budget": "1.01 USD"}, {"budget": "1 CNY"}, {}])
def test_one_key_makes_no_campaign_above_the_amount(
    locked: httpx.Client, anna: Headers, options: dict[str, str]
) -> None:
    said = refused(put(locked, anna, **options))

    assert "the 1.00 USD that one person of tenant studio may agree to" in said


def test_who_applied_it_does_not_raise_its_budget_and_another_key_does(
    locked: httpx.Client, anna: Headers, ben: Headers
) -> None:
    assert put(locked, anna, **AGREED).status_code == 201

    said = refused(put(locked, anna, budget="500 USD"))
    assert "it was applied with anna" in said
    assert "reelqueue campaign set autumn budget=" in said

    assert put(locked, ben, budget="500 USD").status_code == 200
    assert put(locked, anna, budget="500 USD", priority=3).status_code == 200
    assert put(locked, anna, budget="400 USD").status_code == 200
    refused(put(locked, anna, budget="450 USD"))


def test_who_applied_it_does_not_approve_and_another_key_does(
    locked: httpx.Client, rows: Session, anna: Headers, ben: Headers
) -> None:
    apply(locked, anna)

    said = refused(approve(locked, anna))

    assert "reelqueue campaign approve autumn; it was applied with anna" in said
    assert rows.scalars(select(Campaign.approved_at)).one() is None
    assert approve(locked, ben).json()["approved_at"] is not None


def test_who_gave_it_clips_has_applied_it(locked: httpx.Client, anna: Headers, ben: Headers) -> None:
    apply(locked, anna)
    locked.headers.update(ben)
    submit_clips(locked, *clips(5, resolution="720P"))

    assert "it was applied with anna, ben" in refused(approve(locked, ben))


def test_one_key_approves_what_costs_no_more(locked: httpx.Client, rows: Session, anna: Headers) -> None:
    apply(locked, anna)
    rows.execute(update(RenderJob).where(RenderJob.custom_id != "0").values(state=RenderState.SUCCEEDED))
    rows.commit()

    assert approve(locked, anna).status_code == 200


def test_an_import_raises_no_budget(locked: httpx.Client, anna: Headers, ben: Headers) -> None:
    put(locked, anna, **AGREED)
    for headers in (anna, ben):
        begun = locked.post("/v1/campaigns/autumn/imports", json={"options": {"budget": "9 USD"}}, headers=headers)
        commit = f"/v1/campaigns/autumn/imports/{begun.json()['id']}/commit"

        refused(locked.post(commit, json={"clips": 0}, headers=headers))


def test_an_import_counts_as_applying(locked: httpx.Client, anna: Headers, ben: Headers) -> None:
    put(locked, anna, **AGREED)
    begun = locked.post("/v1/campaigns/autumn/imports", json={"options": AGREED}, headers=ben)
    locked.post(f"/v1/campaigns/autumn/imports/{begun.json()['id']}/commit", json={"clips": 0}, headers=ben)

    assert "it was applied with anna, ben" in refused(put(locked, ben, budget="500 USD"))


def test_without_an_amount_one_key_is_enough(locked: httpx.Client, rows: Session, anna: Headers) -> None:
    rows.execute(update(Tenant).values(approval_amount=None, approval_currency=None))
    rows.commit()

    assert put(locked, anna, budget="500 USD").status_code == 201
    submit_clips(locked, *clips(3))
    assert approve(locked, anna).status_code == 200
