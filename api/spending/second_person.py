"""A second person above an amount: what one key may agree to alone, and who must agree to more.

A campaign remembers the keys that made it or gave it clips. Money beyond the tenant's amount is released by a key that
is none of them: it raises the budget, and it approves what waits behind a canary.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from api.problem_details import ProblemError
from api.spending.confirmation import Cost
from models.campaign import Campaign
from models.tenant import Tenant
from reelqueue.schemas.statement import money_text


class _Budget(Protocol):
    @property
    def amount(self) -> Decimal: ...

    @property
    def currency(self) -> str: ...


def note_applier(session: Session, campaign: Campaign, key_name: str | None) -> None:
    """Remember that a key has made a campaign, or has given it clips; last in a transaction, as it locks its row."""
    if key_name is not None:
        session.flush()
        session.execute(  # by the database, as another key may do so at the same time
            update(Campaign)
            .where(Campaign.id == campaign.id, ~Campaign.applied_keys.has_key(key_name))
            .values(applied_keys=Campaign.applied_keys.concat([key_name]))
            .execution_options(synchronize_session=False)
        )


def needs_second_person(session: Session, campaign: Campaign) -> bool:
    """Whether its tenant has an amount above which a second person agrees."""
    return session.get_one(Tenant, campaign.tenant_id).approval_amount is not None


def check_budget(
    session: Session, tenant_id: UUID, campaign: Campaign | None, budget: _Budget | None, *, key_name: str | None
) -> None:
    """Refuse a budget above what one person may agree to, unless it raises nothing or a second one gives it.

    Args:
        session: In a transaction.
        tenant_id: The owner.
        campaign: As it was; None: it is made now.
        budget: The new one; None: no limit.
        key_name: Of the key that gives it; None: without one, or with a file, whose sender is never the second person.

    Raises:
        ProblemError: 403.
    """
    tenant = session.get_one(Tenant, tenant_id)
    if _is_within(tenant, *((budget.amount, budget.currency) if budget else (None, None))):
        return
    if campaign is not None and (_raises_nothing(campaign, budget) or _is_second(campaign, key_name)):
        return
    name = "it" if campaign is None else campaign.name
    asked = f"a budget of {money_text(budget.amount)} {budget.currency}" if budget else "a campaign without a budget"
    raise ProblemError(
        403,
        "second_person_required",
        f"{asked} is more than the {_limit(tenant)} that one person of tenant {tenant.name} may agree to; apply it "
        f"with a budget up to that, then let another key raise it (reelqueue campaign set {name} budget=...)"
        f"{_appliers(campaign)}",
        field="budget",
    )


def check_approval(session: Session, campaign: Campaign, cost: Cost, key_name: str | None) -> None:
    """Refuse an approval of more than one person may agree to, unless a second one gives it.

    Raises:
        ProblemError: 403.
    """
    tenant = session.get_one(Tenant, campaign.tenant_id)
    is_priced = not cost.unpriced_count
    if not cost.count or (is_priced and _is_within(tenant, cost.max_amount, cost.currency)):
        return
    if tenant.approval_amount is None or _is_second(campaign, key_name):
        return
    seen = f"up to {money_text(cost.max_amount)} {cost.currency}" if cost.currency else "an unknown amount"
    more = "" if is_priced else f" and {cost.unpriced_count} without a price"
    raise ProblemError(
        403,
        "second_person_required",
        f"this would release clips for {seen}{more}, more than the {_limit(tenant)} that one person of tenant "
        f"{tenant.name} may agree to; let someone with another key run reelqueue campaign approve {campaign.name}"
        f"{_appliers(campaign)}",
    )


def _is_within(tenant: Tenant, amount: Decimal | None, currency: str | None) -> bool:
    """Whether one person may agree to it; nothing is converted, so another currency is more."""
    if tenant.approval_amount is None:
        return True
    return amount is not None and currency == tenant.approval_currency and amount <= tenant.approval_amount


def _raises_nothing(campaign: Campaign, budget: _Budget | None) -> bool:
    if campaign.budget_amount is None:
        return True  # it had no limit before
    is_same_currency = budget is not None and budget.currency == campaign.budget_currency
    return is_same_currency and budget is not None and budget.amount <= campaign.budget_amount


def _is_second(campaign: Campaign, key_name: str | None) -> bool:
    return key_name is not None and bool(campaign.applied_keys) and key_name not in campaign.applied_keys


def _limit(tenant: Tenant) -> str:
    return f"{money_text(tenant.approval_amount or Decimal(0))} {tenant.approval_currency}"


def _appliers(campaign: Campaign | None) -> str:
    if campaign is None:
        return ""
    if not campaign.applied_keys:
        return "; no key has applied it yet, so none is a second one: apply it with a key first"
    return f"; it was applied with {', '.join(campaign.applied_keys)}"
