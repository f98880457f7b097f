from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from models.account import Account
from models.campaign import Campaign
from models.job_event import STORE_FAILED
from models.operations.campaigns.holds import holds_of
from models.operations.campaigns.status import campaign_view
from models.operations.jobs.transitions import record
from models.operations.scheduling.submit_gates import close_gate, database_identity, ensure_gate, open_gate
from reelqueue.states import RenderState
from tests.support.stored_clips import make_campaign
from tests.support.stored_jobs import NOW, lease_slot, store_account, store_job


@pytest.fixture
def campaign(session: Session) -> Campaign:
    return make_campaign(session)


def open_account(session: Session, name: str = "studio", **gate: object) -> Account:
    """An account that takes submits, unless its gate says otherwise."""
    account = session.get_one(Account, store_account(session, name))
    open_its_gate(session, account, **gate)
    return account


def open_its_gate(session: Session, account: Account, **values: object) -> None:
    gate = ensure_gate(session, account.id)
    close_gate(gate, database_identity(session), NOW)
    open_gate(gate, NOW)
    for name, value in values.items():
        setattr(gate, name, value)
    session.flush()


def store(session: Session, campaign: Campaign, state: RenderState, **values: object) -> object:
    return store_job(session, state, tenant_id=campaign.tenant_id, campaign_id=campaign.id, **values)


def test_nothing_holds_a_campaign_whose_clips_move(session: Session, campaign: Campaign) -> None:
    open_account(session)
    store(session, campaign, RenderState.QUEUED)
    store(session, campaign, RenderState.ARCHIVING)

    assert holds_of(session, campaign, now=NOW) == []


def test_an_account_that_no_worker_has_looked_at_yet_is_no_reason(session: Session, campaign: Campaign) -> None:
    store_account(session)
    store(session, campaign, RenderState.QUEUED)

    assert holds_of(session, campaign, now=NOW) == []


def test_a_server_without_accounts_claims_nothing_about_the_provider(session: Session, campaign: Campaign) -> None:
    store(session, campaign, RenderState.QUEUED)

    assert holds_of(session, campaign, now=NOW) == []


def test_a_paused_account_is_named_with_its_reason(session: Session, campaign: Campaign) -> None:
    account = session.get_one(Account, store_account(session))
    account.paused_at, account.paused_reason = NOW, "InvalidApiKey: wrong key"
    store(session, campaign, RenderState.QUEUED)

    (hold,) = holds_of(session, campaign, now=NOW)

    assert hold.is_blocking
    assert "wan2.6-t2v is paused (InvalidApiKey: wrong key): tell an operator" in hold.reason


def test_a_paused_account_holds_nothing_where_another_renders_the_model(session: Session, campaign: Campaign) -> None:
    session.get_one(Account, store_account(session)).paused_at = NOW
    open_account(session, "second")
    store(session, campaign, RenderState.QUEUED)

    assert holds_of(session, campaign, now=NOW) == []


def test_a_model_that_no_account_renders_is_named(session: Session, campaign: Campaign) -> None:
    session.get_one(Account, store_account(session)).models = ["wan2.7-t2v"]
    store(session, campaign, RenderState.QUEUED)

    (hold,) = holds_of(session, campaign, now=NOW)

    assert "no provider account of this server renders wan2.6-t2v" in hold.reason


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (
            {"cause": "restored", "is_open": False},
            "the server's database was put back; its operators compare it with the provider",
        ),
        ({"cause": "restored", "held_tasks": {"wan2.6-t2v": ["t"]}}, "before wan2.6-t2v is submitted"),
        ({"cause": "restarted", "held_tasks": {"": ["t"]}}, "the server was started again"),
    ],
)
def test_a_gate_that_holds_a_model_is_named(
    session: Session, campaign: Campaign, gate: dict[str, object], words: str
) -> None:
    open_account(session, **gate)
    store(session, campaign, RenderState.QUEUED)

    (hold,) = holds_of(session, campaign, now=NOW)

    assert hold.is_blocking
    assert words in hold.reason
    assert hold.reason.endswith("if it stays so, tell an operator of this server")


def test_an_open_gate_and_one_that_holds_another_model_hold_nothing(session: Session, campaign: Campaign) -> None:
    open_account(session, held_tasks={"wan2.5-t2v-preview": ["t"]})
    store(session, campaign, RenderState.QUEUED)

    assert holds_of(session, campaign, now=NOW) == []


def test_full_slots_are_a_turn_to_wait_for_and_block_nothing(session: Session, campaign: Campaign) -> None:
    other = make_campaign(session, "winter")
    for owner in (other, campaign):
        job_id = store_job(session, RenderState.RENDERING, tenant_id=owner.tenant_id, campaign_id=owner.id)
        lease_slot(session, job_id)
    for account in session.query(Account):
        account.slot_limits, account.look_ahead = {"wan2.6-t2v": 1}, 0
        open_its_gate(session, account)
    store(session, campaign, RenderState.QUEUED)

    (hold,) = holds_of(session, campaign, now=NOW)

    assert not hold.is_blocking
    assert hold.reason == "the provider renders 2 clips of wan2.6-t2v at a time, and 2 are there"


def test_an_archive_that_refuses_is_named_while_its_clips_wait(session: Session, campaign: Campaign) -> None:
    waits, ended = (
        store(session, campaign, state, next_archive_at=NOW) for state in (RenderState.ARCHIVING, RenderState.SUCCEEDED)
    )
    for job_id in (waits, ended):
        record(session, job_id, STORE_FAILED, now=NOW, detail={"reason": "file:///srv: full"})  # type: ignore[arg-type]

    (hold,) = holds_of(session, campaign, now=NOW)

    assert hold.is_blocking
    assert "1 rendered clip waits, as the archive takes no file now" in hold.reason
    assert "/srv" not in hold.reason


def test_a_campaign_that_a_person_has_paused_is_held_by_that_alone(session: Session, campaign: Campaign) -> None:
    session.get_one(Account, store_account(session)).paused_at = NOW
    store(session, campaign, RenderState.QUEUED)
    campaign.paused_at = NOW

    assert campaign_view(session, campaign, now=NOW).holds == []


def test_the_pace_leaves_out_what_a_campaign_waited_for_people(session: Session, campaign: Campaign) -> None:
    def succeeded(begin_minutes: float, end_minutes: float) -> None:
        times = {"submitted_at": begin_minutes, "finished_at": end_minutes}
        store(
            session,
            campaign,
            RenderState.SUCCEEDED,
            **{name: NOW - timedelta(minutes=minutes) for name, minutes in times.items()},
        )

    succeeded(9, 8)  # the canary; then nothing until a person approved
    succeeded(1, 0.5)
    succeeded(1, 0)

    assert campaign_view(session, campaign, now=NOW).clips_per_minute == pytest.approx(1.5)


def test_the_pace_counts_the_time_of_what_is_still_rendering(session: Session, campaign: Campaign) -> None:
    begin = NOW - timedelta(minutes=4)
    store(session, campaign, RenderState.SUCCEEDED, submitted_at=begin, finished_at=NOW - timedelta(minutes=2))
    store(session, campaign, RenderState.RENDERING, submitted_at=begin)

    assert campaign_view(session, campaign, now=NOW).clips_per_minute == pytest.approx(0.25)
