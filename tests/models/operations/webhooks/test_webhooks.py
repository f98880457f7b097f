"""Each end of a job is told to each endpoint of its owner, once, in the transaction that brought it about."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import WebhookDelivery, WebhookEndpoint
from models.operations.jobs.transitions import move
from models.operations.webhooks.endpoints import derive_secret, make_endpoint
from models.tenant import ensure_tenant
from reelqueue.states import MOVES, TERMINAL, RenderState
from reelqueue.webhooks import DeliveryState, kind_of
from tests.support.stored_jobs import NOW, store_job

KEY = SecretStr("k" * 32)


def listen(session: Session, tenant: str = "default", **values: datetime) -> UUID:
    endpoint, _ = make_endpoint(session, ensure_tenant(session, tenant), "https://receiver.example/", KEY, now=NOW)
    for name, value in values.items():
        setattr(endpoint, name, value)
    session.flush()
    return endpoint.id


def deliveries(session: Session) -> list[WebhookDelivery]:
    return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))


@pytest.mark.parametrize(
    ("from_state", "to_state"), [(state, to) for state in RenderState for to in sorted(MOVES[state])], ids=str
)
def test_a_move_is_told_if_it_is_terminal(session: Session, from_state: RenderState, to_state: RenderState) -> None:
    endpoint_id = listen(session)
    job_id = store_job(session, from_state)

    move(session, job_id, [from_state], to_state, now=NOW)

    told = [(each.endpoint_id, each.job_id, each.kind, each.occurred_at) for each in deliveries(session)]
    assert told == ([(endpoint_id, job_id, kind_of(to_state), NOW)] if to_state in TERMINAL else [])


def test_each_endpoint_of_the_owner_is_told_under_an_id_of_its_own(session: Session) -> None:
    endpoints = {listen(session), listen(session)}
    listen(session, "somebody else")
    job_id = store_job(session)

    move(session, job_id, [RenderState.QUEUED], RenderState.CANCELLED, now=NOW)

    told = deliveries(session)
    assert {each.endpoint_id for each in told} == endpoints
    assert len({each.id for each in told}) == 2
    assert {(each.state, each.next_attempt_at, each.attempt_count) for each in told} == {
        (DeliveryState.PENDING, NOW, 0)
    }


@pytest.mark.parametrize("closed", ["disabled_at", "deleted_at"])
def test_a_closed_endpoint_is_told_nothing(session: Session, closed: str) -> None:
    listen(session, **{closed: NOW})
    job_id = store_job(session)

    move(session, job_id, [RenderState.QUEUED], RenderState.CANCELLED, now=NOW)

    assert deliveries(session) == []


def test_a_move_that_does_not_happen_is_not_told(session: Session) -> None:
    listen(session)
    job_id = store_job(session, RenderState.RENDERING)

    assert move(session, job_id, [RenderState.QUEUED], RenderState.CANCELLED, now=NOW) is None
    assert deliveries(session) == []


def test_a_late_collection_is_an_event_of_its_own(session: Session) -> None:
    listen(session)
    job_id = store_job(session, RenderState.RENDERING)

    move(session, job_id, [RenderState.RENDERING], RenderState.TIMED_OUT, now=NOW)
    move(session, job_id, [RenderState.TIMED_OUT], RenderState.SUCCEEDED, now=NOW)

    assert [each.kind for each in deliveries(session)] == ["render_job.timed_out", "render_job.succeeded"]


def test_what_is_rolled_back_is_not_told(session: Session) -> None:
    listen(session)
    job_id = store_job(session)

    with session.begin_nested() as savepoint:
        move(session, job_id, [RenderState.QUEUED], RenderState.CANCELLED, now=NOW)
        savepoint.rollback()

    assert deliveries(session) == []


def test_the_database_does_not_hold_the_secret(session: Session) -> None:
    endpoint, secret = make_endpoint(session, ensure_tenant(session), "https://receiver.example/", KEY, now=NOW)

    stored = session.execute(select(WebhookEndpoint.__table__)).one()
    assert secret.get_secret_value() not in str(tuple(stored))
    assert secret == derive_secret(KEY, endpoint.id)


def test_each_endpoint_has_a_secret_of_its_own(session: Session) -> None:
    one, other = listen(session), listen(session)

    secrets = [derive_secret(key, each) for each in (one, other) for key in (KEY, SecretStr("o" * 32))]

    assert len({secret.get_secret_value() for secret in secrets}) == 4
