"""What a queued job waits for, in words: a pure function of what was read, for its owner or for operators.

An owner reads of no account by name, and of no campaign of others; an operator reads all.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from models.campaign import Campaign
from models.operations.admission.conditions import Cause
from models.operations.admission.lanes import Offer
from models.operations.money.slot_reservations import Quote
from models.operations.scheduling.submit_gates import Cause as GateCause
from models.operations.waiting.queued import Wait
from models.render_job import RenderJob
from reelqueue.schemas.statement import money_text

OPERATOR: Final = "tell an operator of this server"
_COMPARED: Final = {
    GateCause.RESTORED: "the server's database was put back; its operators compare it with the provider before {model} "
    "is submitted, so that nothing is paid for twice",
    GateCause.RESTARTED: "the server was started again, and compares its database with the provider before {model} is "
    "submitted",
}


@dataclass(frozen=True)
class Said:
    """A reason in words."""

    reason: str
    remedy: str | None = None
    is_blocking: bool = False
    """Whether it waits until a person acts."""
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A queued job, what keeps it, and what the words need beside that."""

    job: RenderJob
    campaign: Campaign
    wait: Wait
    now: datetime
    is_operator: bool = False
    """For whom the words are."""
    names: Mapping[UUID, str] = field(default_factory=dict)
    """Of the campaigns ahead that the reader may know of."""
    before: RenderJob | None = None
    """The clip that must end first."""
    price: Quote | None = None
    """What the job may cost where its campaign's budget can pay."""
    committed: Decimal = Decimal(0)
    """Spent and reserved of its campaign's budget."""
    is_canary_under_way: bool = False
    """Whether a clip of the canary has not ended."""
    cap: str | None = None
    """The cap that has no room, for people."""
    mean_seconds: float | None = None
    """How long clips of its model render; None: not known."""


def say_queued(facts: Facts) -> Said:
    """What a queued job waits for, and what changes that."""
    return _WORDS[facts.wait.cause](facts)


def about(seconds: float) -> str:
    """A length of time, rounded for people, such as ``6 min``."""
    for most, unit, one in ((90, "s", 1), (90 * 60, "min", 60), (36 * 3600, "h", 3600)):
        if seconds < most:
            return f"{max(round(seconds / one), 1)} {unit}"
    return f"{round(seconds / 86400)} days"


def moment(at: datetime) -> str:
    """A moment for people."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _command(*words: str) -> str:
    return shlex.join(["reelqueue", "campaign", *words])


def _to_operator(facts: Facts, command: str) -> str:
    return command if facts.is_operator else OPERATOR


def _account(facts: Facts) -> str:
    """The account as the reader may know it."""
    account = facts.wait.account
    known = account is not None and facts.is_operator
    return f"account {account.name}" if account is not None and known else f"the provider account for {facts.job.model}"


def _account_name(facts: Facts) -> str:
    return facts.wait.account.name if facts.wait.account is not None else "NAME"


def _chain(facts: Facts) -> Said:
    before = facts.before
    if before is None:
        return Said("the clip before it in its chain has not ended")
    return Said(f"its predecessor in the chain is not done: {before.custom_id or before.id} is {before.state}",
                f"reelqueue why {before.id}")  # fmt: skip


def _backoff(facts: Facts) -> Said:
    until = facts.job.not_before_at or facts.now
    why = f" ({facts.job.failure_message})" if facts.job.failure_message else ""
    return Said(f"it is tried again in {_left(facts, until)}{why}", until=until)


def _left(facts: Facts, until: datetime) -> str:
    return about(max((until - facts.now).total_seconds(), 0))


def _start_by(facts: Facts) -> Said:
    by = facts.job.start_by or facts.now
    return Said(f"it was to start by {moment(by)}, and expires with the next sweep")


def _cancelled(_: Facts) -> Said:
    return Said("its campaign was cancelled, and it ends with the next sweep")


def _paused(facts: Facts) -> Said:
    campaign = facts.campaign
    word = "approve" if campaign.repriced_at is not None else "resume"
    reason = campaign.paused_reason or "no reason given"
    return Said(f"paused: {reason}", _command(word, campaign.name), is_blocking=True)


def _budget_missing(facts: Facts) -> Said:
    """A budget whose rest cannot pay; with the least that would."""
    campaign, price, currency = facts.campaign, facts.price, facts.campaign.budget_currency or ""
    budget = campaign.budget_amount or Decimal(0)
    if price is None:
        return Said("paused: budget; its rest cannot pay for the next clip", is_blocking=True)
    wanted = facts.committed + price.max_amount
    missing = f"{money_text(max(wanted - budget, Decimal(0)))} {currency}"
    remedy = _command("set", campaign.name, f"budget={money_text(wanted)} {currency}")
    return Said(f"paused: budget, {missing} missing", remedy, is_blocking=True)


def _budget_reserved(facts: Facts) -> Said:
    """A budget that is reserved; released where clips cost less."""
    said = _budget_missing(facts)
    return Said(f"{said.reason.removeprefix('paused: ')}, unless clips that render cost less", said.remedy)


def _run_at(facts: Facts) -> Said:
    at = facts.campaign.run_at or facts.now
    remedy = _command("set", facts.campaign.name, "run_at=none")
    return Said(f"run_at in {_left(facts, at)} ({moment(at)})", remedy, until=at)


def _breaker(facts: Facts) -> Said:
    remedy = _command("resume", facts.campaign.name)
    return Said(f"paused: {facts.wait.reason}", remedy, is_blocking=True)


def _canary(facts: Facts) -> Said:
    count = facts.campaign.canary_count
    remedy = _command("approve", facts.campaign.name)
    if facts.is_canary_under_way:
        return Said(f"the canary of {count} is rendered first; the rest needs approval then", remedy)
    return Said(f"needs approval: the canary of {count} was rendered", remedy, is_blocking=True)


def _max_in_flight(facts: Facts) -> Said:
    campaign = facts.campaign
    remedy = _command("set", campaign.name, "max_in_flight=none")
    return Said(f"its campaign may have {campaign.max_in_flight} clips at the provider at a time, and has them", remedy)


def _no_account(facts: Facts) -> Said:
    remedy = _to_operator(facts, "start the workers: the first dispatch makes the account")
    return Said("no provider account of this server exists yet", remedy, is_blocking=True)


def _not_offered(facts: Facts) -> Said:
    model = facts.job.model
    remedy = _to_operator(facts, f"python -m workers accounts change NAME --model {model}")
    return Said(f"no provider account of this server renders {model}", remedy, is_blocking=True)


def _account_paused(facts: Facts) -> Said:
    remedy = _to_operator(facts, f"python -m workers accounts resume {_account_name(facts)}")
    reason = facts.wait.reason or "no reason given"
    return Said(f"{_account(facts)} is paused ({reason})", remedy, is_blocking=True)


def _gate(facts: Facts) -> Said:
    cause = facts.wait.reason
    if cause is None:
        return Said("no worker has looked at the provider account yet", _to_operator(facts, "start the workers"))
    compared = _COMPARED[GateCause(cause)].format(model=facts.job.model)
    remedy = _to_operator(facts, "python -m workers recover")
    if facts.is_operator:
        return Said(f"gate of {_account(facts)} shut after a {cause.replace('restored', 'restore')}: {compared}",
                    remedy, is_blocking=True)  # fmt: skip
    return Said(compared, f"if it stays so, {remedy}", is_blocking=True)


def _no_slots(facts: Facts) -> Said:
    remedy = _to_operator(
        facts, f"python -m workers accounts change {_account_name(facts)} --slots {facts.job.model}=N"
    )
    return Said(f"{_account(facts)} may have no task of it, by its limits", remedy, is_blocking=True)


def _throttled(facts: Facts) -> Said:
    until = facts.wait.until or facts.now
    what = f"the provider asks {_account(facts)} to wait until {moment(until)}"
    return Said(f"{what} (for {_left(facts, until)}), and nothing is submitted before", until=until)


def _offer(facts: Facts) -> Offer | None:
    return None if facts.wait.turn is None else facts.wait.turn.offer


def _line(facts: Facts) -> str:
    """Whose turn was refused, where it was another job's."""
    turn = facts.wait.turn
    if turn is None or turn.waiting.job_id == facts.job.id:
        return ""
    return f"job {turn.waiting.job_id}, which is before it in its campaign: "


def _repriced(facts: Facts) -> Said:
    remedy = _command("approve", facts.campaign.name)
    offer = _offer(facts)
    if offer is None or offer.price is None or offer.agreed is None:
        return Said("it costs more than was agreed to", remedy, is_blocking=True)
    prices = [f"{money_text(one.max_amount)} {one.currency}" for one in (offer.price, offer.agreed)]
    return Said(f"{_line(facts)}it costs {prices[0]}, and {prices[1]} when its campaign was agreed to", remedy,
                is_blocking=True)  # fmt: skip


def _unpriced(facts: Facts) -> Said:
    account = facts.wait.account
    region = account.region if account is not None else "its region"
    remedy = f"{_command('set', facts.campaign.name, 'budget=none')}, or {OPERATOR}, who can set a price"
    if facts.is_operator:
        remedy = f"python -m workers prices set {facts.job.model}"
    return Said(f"{_line(facts)}no price for {facts.job.model} in {region}, and its campaign has a budget", remedy,
                is_blocking=True)  # fmt: skip


def _currency(facts: Facts) -> Said:
    offer = _offer(facts)
    paid = offer.region_currency if offer is not None else None
    remedy = _command("set", facts.campaign.name, f"budget=AMOUNT {paid or 'CURRENCY'}")
    what = f"{_account(facts)} is paid in {paid or 'an unknown currency'}"
    return Said(f"{what}, and its campaign's budget is in {facts.campaign.budget_currency}", remedy, is_blocking=True)


def _cap(facts: Facts) -> Said:
    remedy = _to_operator(facts, "python -m workers caps set")
    what = f"the spending cap of {facts.cap} has no room for the next clip until what is reserved is given back or the"
    who = remedy if facts.is_operator else f"{remedy}, who can raise it"
    return Said(f"{what} next {_cap_period(facts)} (UTC) begins", who, is_blocking=True)


def _cap_period(facts: Facts) -> str:
    offer = _offer(facts)
    return offer.cap.period.value if offer is not None and offer.cap is not None else "period"


def _slots(facts: Facts) -> Said:
    wait = facts.wait
    full = f"{wait.leased} of {wait.slots} slots for {facts.job.model} are taken"
    what = _ahead(facts) if wait.ahead else full
    where = f" on {_account(facts)}" if facts.is_operator else ""
    return Said(f"{what}{where}{_soon(facts)}")


def _ahead(facts: Facts) -> str:
    """Who comes first: the reader's campaigns by name, others as a number."""
    counts: Counter[str | None] = Counter()
    for campaign_id, count in facts.wait.ahead.items():
        counts[facts.names.get(campaign_id)] += count
    more = "more than " if facts.wait.is_far else ""
    return f"behind {more}{' and '.join(_groups(counts))}"


def _groups(counts: Counter[str | None]) -> Iterator[str]:
    for name, count in sorted(counts.items(), key=lambda one: (one[0] is None, -one[1])):
        yield f"{count} of {'other owners' if name is None else f'campaign {name}'}"


def _soon(facts: Facts) -> str:
    wait = facts.wait
    if facts.mean_seconds is None or not wait.slots:
        return ""
    least = "at least " if wait.is_far else ""
    return f"; slot in {least}about {about(wait.missing_slots * facts.mean_seconds / wait.slots)}"


def _due(facts: Facts) -> Said:
    remedy = _to_operator(facts, "python -m workers doctor") if facts.is_operator else None
    return Said("nothing holds it: the next dispatch gives it a slot, within seconds", remedy)


_WORDS: Final[Mapping[Cause, Callable[[Facts], Said]]] = {
    Cause.CHAIN: _chain,
    Cause.BACKOFF: _backoff,
    Cause.START_BY: _start_by,
    Cause.CANCELLED: _cancelled,
    Cause.PAUSED: _paused,
    Cause.OUT_OF_BUDGET: _budget_missing,
    Cause.RUN_AT: _run_at,
    Cause.BREAKER: _breaker,
    Cause.CANARY: _canary,
    Cause.MAX_IN_FLIGHT: _max_in_flight,
    Cause.NO_ACCOUNT: _no_account,
    Cause.NOT_OFFERED: _not_offered,
    Cause.ACCOUNT_PAUSED: _account_paused,
    Cause.GATE: _gate,
    Cause.NO_SLOTS: _no_slots,
    Cause.THROTTLED: _throttled,
    Cause.REPRICED: _repriced,
    Cause.UNPRICED: _unpriced,
    Cause.CURRENCY: _currency,
    Cause.BUDGET: _budget_reserved,
    Cause.CAP: _cap,
    Cause.SLOTS: _slots,
    Cause.DUE: _due,
}
