"""Random states of a queue, and how each cause for which a job waits is taken away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from models import Account, Campaign, CapPeriod, ModelPrice, RenderJob, SpendingCap, SubmitGate, SubmitLane
from models.base import new_id
from models.operations.admission.conditions import Cause
from models.operations.money.slot_reservations import Quote, lease_slot
from models.operations.scheduling.submit_gates import close_gate, database_identity, ensure_gate, open_gate
from models.operations.waiting.queued import Wait
from models.tenant import ensure_tenant
from reelqueue.catalog.price_list import BEIJING, SINGAPORE, PriceSource
from reelqueue.states import RenderState
from tests.support.stored_jobs import NOW, store_job

MODELS: Final = ("wan2.5-t2v-preview", "wan2.6-t2v")
_LATER: Final = NOW + timedelta(hours=3)
_EARLIER: Final = NOW - timedelta(hours=3)
_SELDOM: Final = st.sampled_from([False, False, False, False, False, False, True])
_INDEX: Final = st.integers(0, 2)


@dataclass(frozen=True)
class AnAccount:
    """An account, and what is the matter with it."""

    region: str
    slots: int
    look_ahead: int
    models: tuple[str, ...] | None
    is_paused: bool
    is_shut: bool
    is_held: bool
    is_throttled: bool


@dataclass(frozen=True)
class ACampaign:
    """A campaign with its limits."""

    tenant: int
    priority: int
    budget: tuple[str, str] | None
    max_in_flight: int | None
    canary: int | None
    breaker: int | None
    flags: frozenset[str]
    """Columns with a moment."""


@dataclass(frozen=True)
class AJob:
    """A job, and what is the matter with it."""

    campaign: int
    model: str
    priority: int
    state: RenderState
    account: int
    flags: frozenset[str]


@dataclass(frozen=True)
class State:
    """A queue at one moment; the first job is the one that is asked about."""

    accounts: list[AnAccount]
    campaigns: list[ACampaign]
    jobs: list[AJob]
    cap: tuple[str, str] | None
    is_dearer: bool
    """Whether the models cost more than an hour ago."""


def _flags(*names: str) -> st.SearchStrategy[frozenset[str]]:
    return st.sampled_from([frozenset[str]()] * 2 * len(names) + [frozenset({name}) for name in names])


_ACCOUNTS: Final = st.builds(
    AnAccount,
    region=st.sampled_from([SINGAPORE, SINGAPORE, SINGAPORE, BEIJING]),
    slots=st.sampled_from([0, 1, 1, 2, 3]),
    look_ahead=st.integers(0, 1),
    models=st.sampled_from([None, None, None, MODELS[:1], MODELS[1:]]),
    is_paused=_SELDOM,
    is_shut=_SELDOM,
    is_held=_SELDOM,
    is_throttled=_SELDOM,
)
_CAMPAIGNS: Final = st.builds(
    ACampaign,
    tenant=st.integers(0, 1),
    priority=st.integers(0, 1),
    budget=st.sampled_from([None, None, ("0.60", "USD"), ("1.40", "USD"), ("100", "USD"), ("3", "CNY")]),
    max_in_flight=st.sampled_from([None, None, 1, 2]),
    canary=st.sampled_from([None, None, None, 1, 2]),
    breaker=st.sampled_from([None, None, 1]),
    flags=_flags("paused_at", "cancelled_at", "budget_exhausted_at", "run_at", "prices_agreed_at"),
)
_JOBS: Final = st.builds(
    AJob,
    campaign=_INDEX,
    model=st.sampled_from(MODELS),
    priority=st.integers(0, 1),
    state=st.sampled_from([RenderState.QUEUED] * 5 + [RenderState.RENDERING] * 2 + [RenderState.FAILED]),
    account=_INDEX,
    flags=_flags("is_awaiting", "not_before_at", "start_by", "is_unpriced"),
)
STATES: Final = st.builds(
    State,
    accounts=st.lists(_ACCOUNTS, min_size=1, max_size=3),
    campaigns=st.lists(_CAMPAIGNS, min_size=1, max_size=3),
    jobs=st.lists(_JOBS, min_size=1, max_size=9),
    cap=st.sampled_from([None, None, None, ("0.70", "USD"), ("1.30", "USD"), ("4", "CNY")]),
    is_dearer=_SELDOM,
)


@dataclass
class Stored:
    """A drawn state in the database."""

    session: Session
    account_ids: list[UUID] = field(default_factory=list)
    campaign_ids: list[UUID] = field(default_factory=list)
    job_ids: list[UUID] = field(default_factory=list)


def store(session: Session, state: State) -> Stored:
    """Put a drawn state into the tables."""
    stored = Stored(session)
    for number, account in enumerate(state.accounts):
        stored.account_ids.append(_store_account(session, number, account))
    for number, campaign in enumerate(state.campaigns):
        stored.campaign_ids.append(_store_campaign(session, number, campaign))
    for number, job in enumerate(state.jobs):
        stored.job_ids.append(_store_job(stored, number, job, is_asked=number == 0))
    if state.cap is not None:
        amount, currency = state.cap
        session.add(SpendingCap(period=CapPeriod.DAY, amount=Decimal(amount), currency=currency))
    if state.is_dearer:
        session.add_all(_dearer(model) for model in MODELS)
    session.flush()
    return stored


def _store_account(session: Session, number: int, drawn: AnAccount) -> UUID:
    account = Account(
        name=f"account {number}",
        base_url="https://dashscope.test",
        region=drawn.region,
        key_env="ALIBABA_API_KEY",
        slot_limits=dict.fromkeys(MODELS, drawn.slots),
        look_ahead=drawn.look_ahead,
        models=drawn.models and list(drawn.models),
        paused_at=NOW if drawn.is_paused else None,
        created_at=NOW + timedelta(seconds=number),
    )
    session.add(account)
    session.flush()
    gate = ensure_gate(session, account.id)
    close_gate(gate, database_identity(session), NOW)
    if not drawn.is_shut:
        open_gate(gate, NOW)
        gate.held_tasks = {MODELS[1]: ["task"]} if drawn.is_held else {}
    if drawn.is_throttled:
        held = {"pace_factor": 1.0, "throttle_count": 1, "throttled_until": _LATER}
        session.add_all(SubmitLane(account_id=account.id, model=model, **held) for model in MODELS)
    return account.id


def _store_campaign(session: Session, number: int, drawn: ACampaign) -> UUID:
    amount, currency = drawn.budget or (None, None)
    moments = {name: _LATER if name == "run_at" else _EARLIER for name in drawn.flags}
    campaign = Campaign(
        id=new_id(),
        tenant_id=ensure_tenant(session, f"tenant {drawn.tenant}"),
        name=f"campaign {number}",
        priority=drawn.priority,
        budget_amount=None if amount is None else Decimal(amount),
        budget_currency=currency,
        max_in_flight=drawn.max_in_flight,
        canary_count=drawn.canary,
        breaker=None if drawn.breaker is None else {"failures": drawn.breaker},
        **moments,
    )
    session.add(campaign)
    session.flush()
    return campaign.id


def _store_job(stored: Stored, number: int, drawn: AJob, *, is_asked: bool) -> UUID:
    session = stored.session
    campaign = session.get_one(Campaign, stored.campaign_ids[drawn.campaign % len(stored.campaign_ids)])
    state = RenderState.QUEUED if is_asked else drawn.state
    facts: dict[str, Any] = {
        "campaign_id": campaign.id,
        "tenant_id": campaign.tenant_id,
        "model": drawn.model,
        "resolution": "1280x720",
        "duration": 5,
        "priority": drawn.priority,
        "custom_id": str(number),
        "content_sha256": f"{number:064}",
        "created_at": NOW + timedelta(seconds=number * (1 if number % 2 else -1)),
    }
    facts |= _troubles(drawn) if state is RenderState.QUEUED else {"finished_at": NOW}
    job_id = store_job(session, state, **facts)
    if state is RenderState.RENDERING:
        job = session.get_one(RenderJob, job_id)
        account_id = stored.account_ids[drawn.account % len(stored.account_ids)]
        price = Quote(Decimal("0.50"), Decimal("0.10"), "USD")
        lease_slot(session, job, account_id, price, now=NOW, submit_at=NOW)
    return job_id


def _troubles(drawn: AJob) -> dict[str, Any]:
    possible = {
        "is_awaiting": {"is_awaiting": True},
        "not_before_at": {"not_before_at": _LATER},
        "start_by": {"start_by": _EARLIER},
        "is_unpriced": {"extra_options": {"raw": {"parameters": {"unheard_of": 1}}}},
    }
    return {name: value for flag in drawn.flags for name, value in possible[flag].items()}


def _dearer(model: str) -> ModelPrice:
    return ModelPrice(
        model=model,
        region=SINGAPORE,
        source=PriceSource.OPERATOR,
        currency="USD",
        per_second={"720P": "0.13"},
        origin="a test",
        from_at=NOW - timedelta(hours=1),
    )


def remove(session: Session, job: RenderJob, wait: Wait) -> None:
    """Take away what a job waits for, and nothing else."""
    _REMEDIES[wait.cause](session, job, wait)
    session.flush()


def add_slots(session: Session, wait: Wait, model: str, count: int) -> None:
    """Give the account for whose slots a job waits more of them."""
    if wait.account is not None:
        account = session.get_one(Account, wait.account.id, populate_existing=True)
        account.slot_limits = {**account.slot_limits, model: account.slot_limits[model] + count}
        session.flush()


_Remedy = Callable[[Session, RenderJob, Wait], None]


def _of_job(**values: object) -> _Remedy:
    def change(session: Session, job: RenderJob, _: Wait) -> None:
        session.execute(update(RenderJob).where(RenderJob.id == job.id).values(values))

    return change


def _of_campaign(**values: object) -> _Remedy:
    def change(session: Session, job: RenderJob, _: Wait) -> None:
        session.execute(update(Campaign).where(Campaign.id == job.campaign_id).values(values))

    return change


def _offer_model(session: Session, _job: RenderJob, _wait: Wait) -> None:
    session.execute(update(Account).values(models=None))


def _resume_account(session: Session, _job: RenderJob, wait: Wait) -> None:
    if wait.account is not None:
        session.execute(update(Account).where(Account.id == wait.account.id).values(paused_at=None))


def _open_gates(session: Session, _job: RenderJob, _wait: Wait) -> None:
    for gate in session.query(SubmitGate).populate_existing():
        open_gate(gate, NOW)
        gate.held_tasks = {}


def _let_lane_go(session: Session, job: RenderJob, wait: Wait) -> None:
    if wait.account is not None:
        lane = session.get_one(SubmitLane, (wait.account.id, job.model), populate_existing=True)
        lane.throttled_until = None


def _price_job(session: Session, _job: RenderJob, wait: Wait) -> None:
    if wait.turn is not None:
        plain = update(RenderJob).where(RenderJob.id == wait.turn.waiting.job_id)
        session.execute(plain.values(extra_options={}))


def _raise_budget(session: Session, job: RenderJob, wait: Wait) -> None:
    """By as much as is missing, and not a cent more."""
    if wait.turn is not None and wait.turn.offer.price is not None and wait.turn.offer.left is not None:
        missing = wait.turn.offer.price.max_amount - wait.turn.offer.left
        raised = update(Campaign).where(Campaign.id == job.campaign_id)
        session.execute(raised.values(budget_amount=Campaign.budget_amount + missing))


def _drop_cap(session: Session, _job: RenderJob, wait: Wait) -> None:
    if wait.turn is not None and wait.turn.offer.cap is not None:
        session.execute(delete(SpendingCap).where(SpendingCap.id == wait.turn.offer.cap.id))


def _add_missing_slots(session: Session, job: RenderJob, wait: Wait) -> None:
    add_slots(session, wait, job.model, wait.missing_slots)


def _allow_slots(session: Session, job: RenderJob, wait: Wait) -> None:
    add_slots(session, wait, job.model, 1)


_REMEDIES: Final[dict[Cause, _Remedy]] = {
    Cause.CHAIN: _of_job(is_awaiting=False),
    Cause.BACKOFF: _of_job(not_before_at=None),
    Cause.START_BY: _of_job(start_by=None),
    Cause.CANCELLED: _of_campaign(cancelled_at=None),
    Cause.PAUSED: _of_campaign(paused_at=None),
    Cause.OUT_OF_BUDGET: _of_campaign(budget_exhausted_at=None),
    Cause.RUN_AT: _of_campaign(run_at=None),
    Cause.BREAKER: _of_campaign(breaker=None),
    Cause.CANARY: _of_campaign(approved_at=NOW),
    Cause.MAX_IN_FLIGHT: _of_campaign(max_in_flight=None),
    Cause.NOT_OFFERED: _offer_model,
    Cause.ACCOUNT_PAUSED: _resume_account,
    Cause.GATE: _open_gates,
    Cause.NO_SLOTS: _allow_slots,
    Cause.THROTTLED: _let_lane_go,
    Cause.REPRICED: _of_campaign(prices_agreed_at=NOW),
    Cause.UNPRICED: _price_job,
    Cause.CURRENCY: _of_campaign(budget_amount=None, budget_currency=None),
    Cause.BUDGET: _raise_budget,
    Cause.CAP: _drop_cap,
    Cause.SLOTS: _add_missing_slots,
}
