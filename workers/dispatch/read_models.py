"""Reads the provider's list of models, with their prices and ends, for each account: at start and each hour.

A reading that fails, or that is not whole, changes nothing: the last good one counts, and its age and the reason are
shown. What is read is followed model by model:

==========================================  =====================================================================
the list says                               then
==========================================  =====================================================================
another price                               it counts for what is submitted from now on
less than half of the price before          the price before counts on, until an operator sets one
a price that is not understood              likewise; never zero
all prices five times as high or as low     nothing is followed: it is the list of another currency
no row for a model that it had              the price before counts on; after two readings it is reported as gone
==========================================  =====================================================================
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.model_list import ModelList
from models.model_price import ModelPrice
from models.operations.money.prices import (
    GONE_AFTER,
    known_prices,
    lock_prices,
    newest_prices,
    price_of,
    set_price,
    texts_of,
)
from models.render_job import RenderJob
from reelqueue.catalog import lookup
from reelqueue.catalog.price_list import CURRENCY_BY_REGION, PriceSource, rate_of
from reelqueue.errors import ConfigurationError
from reelqueue.states import RenderState
from workers.dashscope import MisdirectedError, ProviderError
from workers.dashscope.model_list import ListedModel
from workers.dispatch.price_file import import_prices
from workers.runtime.context import Context

log = structlog.get_logger(__name__)

_EVERY: Final = timedelta(minutes=55)
"""Less than an hour, so that each hourly message reads."""
_UNKNOWN_EVERY: Final = timedelta(minutes=5)
"""While a job of a model waits that neither the release nor a list prices."""
_ABSENT_EVERY: Final = timedelta(hours=24)
_ABSENT: Final = "this host has no list of models"
_REASON_CHARACTERS: Final = 300
_OTHER_CURRENCY: Final = Decimal(5)
_LEAST_RATIO: Final = Decimal("0.5")


@dataclass(frozen=True)
class ModelsRead:
    """What one reading of the accounts' lists did."""

    read_count: int
    failed_count: int
    changed: tuple[str, ...]
    """Account and model whose price or end changed."""

    def __str__(self) -> str:
        changed = f" changed={len(self.changed)}" if self.changed else ""
        return f"read={self.read_count} failed={self.failed_count}{changed}"


def read_models(context: Context, *, is_forced: bool = False) -> ModelsRead:
    """Read the list of each account that is due, or of all."""
    _follow_file(context)
    with context.sessions() as session:
        accounts = list(session.scalars(select(Account).order_by(Account.created_at, Account.id)))
        due = accounts if is_forced else _due(session, accounts, context.clock.now(session))
    read, failed, changed = 0, 0, list[str]()
    for account in due:
        try:
            listed = context.host.run(_ask(context, account))
            changed += _store(context, account, listed)
        except (ProviderError, ConfigurationError, _OtherCurrencyError) as error:
            failed += 1
            is_absent = isinstance(error, MisdirectedError) and error.http_status == HTTPStatus.NOT_FOUND
            _note(context, account, _ABSENT if is_absent else str(error)[:_REASON_CHARACTERS])
        else:
            read += 1
    if changed:
        context.hints.dispatch()
    return ModelsRead(read, failed, tuple(changed))


def _follow_file(context: Context) -> None:
    """Store what the operator's file says; a bad one changes nothing."""
    path = context.settings.provider.prices_file
    if path is None:
        return
    try:
        import_prices(context, path)
    except ConfigurationError as error:
        log.error("prices.file_unread", reason=str(error), remedy="the prices before still count")  # noqa: TRY400


async def _ask(context: Context, account: Account) -> dict[str, ListedModel]:
    async with context.provider(account, is_paced=False) as provider:
        return await provider.models(account.region)


def _due(session: Session, accounts: list[Account], now: datetime) -> list[Account]:
    lists = {one.account_id: one for one in session.scalars(select(ModelList))}
    is_unpriced = {region: _waits_unpriced(session, region) for region in {one.region for one in accounts}}

    def is_due(account: Account) -> bool:
        found = lists.get(account.id)
        if found is None or found.asked_at > now:  # one that lies ahead was written before the clock was set back
            return True
        every = _UNKNOWN_EVERY if is_unpriced[account.region] else _EVERY
        return now >= found.asked_at + (_ABSENT_EVERY if found.problem == _ABSENT else every)

    return [one for one in accounts if is_due(one)]


def _waits_unpriced(session: Session, region: str) -> bool:
    waiting = session.scalars(select(RenderJob.model).where(RenderJob.state == RenderState.QUEUED).distinct())
    prices = known_prices(session)
    return any(lookup(model) is None and not prices(model, region) for model in waiting)


def _note(context: Context, account: Account, problem: str) -> None:
    """Keep why a list was not read; what was read before stays."""
    with context.sessions.begin() as session:
        lock_prices(session)  # another worker may make the row just now
        found = _list_of(session, account, context.clock.now(session))
        if found.problem != problem:
            log.warning("models.unread", account=account.name, reason=problem, remedy="the last prices still count")
        found.problem = problem


def _list_of(session: Session, account: Account, now: datetime) -> ModelList:
    found = session.get(ModelList, account.id, with_for_update=True)
    if found is None:
        found = ModelList(account_id=account.id, unread={}, missing={})
        session.add(found)
    found.asked_at = now
    return found


def _store(context: Context, account: Account, listed: Mapping[str, ListedModel]) -> list[str]:
    """Follow a whole reading; the models whose price or end changed."""
    with context.sessions.begin() as session:
        lock_prices(session)
        now = context.clock.now(session)
        currency = CURRENCY_BY_REGION.get(account.region)
        if currency is None:
            raise _OtherCurrencyError(
                f"the currency of {account.region} is not known, and the list names none; set prices by hand: "
                "python -m workers prices set"
            )
        _check_currency(session, account, listed, currency)
        found = _list_of(session, account, now)
        reading = _Reading(session, account, currency, now)
        changed = [model for model, row in listed.items() if reading.follow(row)]
        found.read_at, found.problem, found.unread = now, None, reading.unread
        found.missing = _missing(session, account, listed, found.missing)
    return [f"{account.name}/{model}" for model in changed]


class _OtherCurrencyError(ConfigurationError):
    """A list is not in the currency that its region bills in."""


def _check_currency(session: Session, account: Account, listed: Mapping[str, ListedModel], currency: str) -> None:
    """Refuse a list all of whose prices are several times what they were.

    Raises:
        _OtherCurrencyError: It is one.
    """
    ratios = [ratio for row in listed.values() for ratio in _ratios(session, account, row)]
    middle = statistics.median(ratios) if ratios else Decimal(1)
    if 1 / _OTHER_CURRENCY < middle < _OTHER_CURRENCY:
        return
    looks = "looks like CNY" if currency == "USD" and middle > 1 else f"is no list in {currency}"
    raise _OtherCurrencyError(
        f"the list is not followed: its prices are {middle:.2f} times those known, so it {looks}, and {account.region} "
        f"bills in {currency}; if they are right, set them: python -m workers prices set"
    )


def _ratios(session: Session, account: Account, row: ListedModel) -> Iterator[Decimal]:
    """How many times the price before each price of a row is; an operator's own tells nothing of a currency."""
    prices = known_prices(session, account.id)(row.model, account.region)
    before = [price for price in prices if price.source is not PriceSource.OPERATOR]
    for tier, amount in row.per_second.items():
        rate = rate_of(before, tier, account.region, is_silent=False)
        if rate is not None:
            yield amount / rate.per_second


class _Reading:
    """Follows the rows of one reading."""

    def __init__(self, session: Session, account: Account, currency: str, now: datetime) -> None:
        self.unread: dict[str, str] = {}
        self._session, self._account, self._currency, self._now = session, account, currency, now

    def follow(self, row: ListedModel) -> bool:
        """Store what a row says, where that is new."""
        account = self._account
        rows = newest_prices(self._session, row.model, account.region, account_id=account.id)
        before = next((one for one in rows if one.account_id is not None), None)
        problem = row.problem or self._too_cheap(row)
        if problem or row.end_problem:
            self.unread[row.model] = "; ".join(filter(None, [problem, row.end_problem]))
        said = ModelPrice(
            source=PriceSource.PROVIDER,
            account_id=account.id,
            region=account.region,
            model=row.model,
            origin=urlsplit(account.base_url).netloc,
            ends_at=(before.ends_at if before else None) if row.end_problem else row.ends_at,
            from_at=self._now,
        )
        if problem:
            said.currency = before.currency if before else None
            said.per_second = before.per_second if before else {}
            said.silent_per_second = before.silent_per_second if before else None
        else:
            silent = row.silent_per_second
            said.currency, said.per_second = self._currency, texts_of(row.per_second)
            said.silent_per_second = None if silent is None else texts_of(silent)
        if not set_price(self._session, said):
            return False
        self._report(said, before)
        return True

    def _too_cheap(self, row: ListedModel) -> str | None:
        if all(ratio >= _LEAST_RATIO for ratio in _ratios(self._session, self._account, row)):
            return None
        shown = ", ".join(f"{tier} {amount:f}" for tier, amount in row.per_second.items())
        return (
            f"it is listed at less than half of its price before ({shown}); that is kept until an operator confirms: "
            f"python -m workers prices set {row.model} ..."
        )

    def _report(self, said: ModelPrice, before: ModelPrice | None) -> None:
        # The first reading of a price that is known already is no change.
        if before is None and said.ends_at is None:
            known = [price for price in known_prices(self._session)(said.model, said.region)
                     if price.source is PriceSource.RELEASE]  # fmt: skip
            if known and texts_of(known[0].per_second) == said.per_second:
                return
        log.warning(
            "model.price_changed",
            account=self._account.name,
            model=said.model,
            before=None if before is None else texts_of(price_of(before).per_second),
            per_second=said.per_second,
            currency=said.currency,
            ends_at=None if said.ends_at is None else said.ends_at.isoformat(),
        )


def _missing(
    session: Session, account: Account, listed: Mapping[str, ListedModel], before: Mapping[str, int]
) -> dict[str, int]:
    known = set(session.scalars(select(ModelPrice.model).where(ModelPrice.account_id == account.id).distinct()))
    missing = {model: min(int(before.get(model, 0)) + 1, GONE_AFTER) for model in sorted(known - listed.keys())}
    for model in missing.keys() - before.keys():
        log.warning("model.not_listed", account=account.name, model=model, remedy="its last price still counts")
    return missing
