"""A text job moves where the map allows it, once; what waits is cancelled free, what runs by decision only."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import WebhookDelivery, WebhookEndpoint
from models.operations.texts.cancel import request_text_cancel
from models.operations.texts.transitions import move_text
from models.tenant import ensure_tenant
from reelqueue.states import TEXT_MOVES, TEXT_TERMINAL, TextState
from tests.support.stored_jobs import NOW
from tests.support.stored_texts import read_text, store_text

PAIRS = list(itertools.product(TextState, TextState))


@pytest.mark.parametrize(("from_state", "to_state"), PAIRS, ids=lambda state: state.value)
def test_a_job_moves_only_where_the_map_allows(session: Session, from_state: TextState, to_state: TextState) -> None:
    job_id = store_text(session, from_state)

    if to_state in TEXT_MOVES[from_state]:
        assert move_text(session, job_id, [from_state], to_state, now=NOW) is from_state
        assert read_text(session, job_id).state is to_state
        assert read_text(session, job_id).finished_at == (NOW if to_state in TEXT_TERMINAL else None)
    else:
        with pytest.raises(ValueError, match="never moves"):
            move_text(session, job_id, [from_state], to_state, now=NOW)
        assert read_text(session, job_id).state is from_state


def test_the_map_knows_every_state_and_leaves_no_terminal_one() -> None:
    assert set(TEXT_MOVES) == set(TextState)
    assert all(not TEXT_MOVES[state] for state in TEXT_TERMINAL)


@pytest.mark.parametrize("values", [{"epoch": 2}, {"epoch": 0}], ids=["claimed since", "claimed before"])
def test_a_late_owner_moves_nothing(session: Session, values: dict[str, Any]) -> None:
    job_id = store_text(session, TextState.RUNNING, **values)

    assert move_text(session, job_id, [TextState.RUNNING], TextState.SUCCEEDED, now=NOW, epoch=1) is None
    assert read_text(session, job_id).state is TextState.RUNNING


@pytest.mark.parametrize("state", [TextState.QUEUED, TextState.HELD], ids=lambda state: state.value)
def test_what_waits_is_cancelled(session: Session, state: TextState) -> None:
    job_id = store_text(session, state)

    assert request_text_cancel(session, job_id, now=NOW)

    assert read_text(session, job_id).state is TextState.CANCELLED


def test_what_is_being_answered_goes_on_unless_it_is_given_up(session: Session) -> None:
    job_id = store_text(session, TextState.RUNNING)

    assert not request_text_cancel(session, job_id, now=NOW)
    assert read_text(session, job_id).cancel_requested_at is None

    assert request_text_cancel(session, job_id, now=NOW, abandon_running=True)
    assert read_text(session, job_id).cancel_requested_at == NOW
    assert read_text(session, job_id).state is TextState.RUNNING


@pytest.mark.parametrize("state", sorted(TEXT_TERMINAL), ids=lambda state: state.value)
def test_what_has_ended_is_past_cancelling(session: Session, state: TextState) -> None:
    assert not request_text_cancel(session, store_text(session, state), now=NOW, abandon_running=True)


def test_an_end_is_told_to_its_owners_endpoints(session: Session) -> None:
    mine, other = ensure_tenant(session), ensure_tenant(session, "other")
    endpoints = [
        WebhookEndpoint(tenant_id=owner, url="https://a.test", secret_sha256="0", open_since=NOW)
        for owner in (mine, other)
    ]
    session.add_all(endpoints)
    job_id = store_text(session, TextState.RUNNING)

    move_text(session, job_id, [TextState.RUNNING], TextState.FAILED, now=NOW)

    (delivery,) = session.scalars(select(WebhookDelivery)).all()
    assert (delivery.endpoint_id, delivery.text_job_id, delivery.job_id) == (endpoints[0].id, job_id, None)
    assert (delivery.kind, delivery.next_attempt_at) == ("text_job.failed", NOW)
