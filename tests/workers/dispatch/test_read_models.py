"""The provider's list of models is followed, and a bad one changes nothing that counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from models import Account, Campaign, ModelList, ModelPrice
from models.operations.money.budget import Budget, set_budget
from models.operations.money.prices import known_prices, lock_prices, set_price
from reelqueue.catalog import Tier
from reelqueue.catalog.price_list import SINGAPORE, PriceSource, rate_of
from tests.conftest import Simulator
from tests.support.gates import open_default_gate
from tests.support.jobs import MODEL, Jobs
from tests.support.rows import Rows
from workers.dispatch.dispatcher import dispatch
from workers.dispatch.read_models import read_models
from workers.runtime.context import Context

HOUR = timedelta(hours=1).total_seconds()


class Listing:
    """The simulator's list of models, read by a worker over the wire."""

    def __init__(self, jobs: Jobs, rows: Rows, simulator: Simulator) -> None:
        self.jobs, self.rows, self._simulator = jobs, rows, simulator
        transport = jobs.context.settings.provider.model_copy(update={"http_transport": None})
        self.context: Context = replace(jobs.context, settings=replace(jobs.context.settings, provider=transport))

    def says(self, **settings: Any) -> str:
        """Change the list, and read it an hour later."""
        self._simulator.control.post("config", json={"model_list": settings}).raise_for_status()
        self.jobs.clock.advance(HOUR)
        return self.read()

    def read(self) -> str:
        """Read the list, if it is due."""
        self.rows.change(Account, Account.name == "default", base_url=self._simulator.base_url)
        return str(read_models(self.context))

    def admit(self) -> list[UUID]:
        """Admit what fits, at a provider that answers from a script."""
        open_default_gate(self.jobs.context)
        return [one.job_id for one in dispatch(self.jobs.context)]

    def rate(self, model: str = MODEL, tier: Tier = "720P") -> tuple[Decimal, PriceSource] | None:
        """The price that counts now."""
        with self.rows.sessions.begin() as session:
            found = rate_of(known_prices(session)(model, SINGAPORE), tier, SINGAPORE, is_silent=False)
            return None if found is None else (found.per_second, found.source)

    def stored(self) -> ModelList:
        """What is stored of the last reading."""
        with self.rows.sessions.begin() as session:
            return session.scalars(select(ModelList)).one()


@pytest.fixture
def listing(jobs: Jobs, rows: Rows, simulator: Simulator) -> Listing:
    """A list, which has not been read."""
    return Listing(jobs, rows, simulator)


def prices(amount: str, model: str = MODEL) -> dict[str, dict[str, str]]:
    return {model: {"video_ratio_720p": amount}}


def test_a_price_of_the_list_counts_and_each_change_is_kept_with_its_day(listing: Listing) -> None:
    assert listing.rate() == (Decimal("0.10"), PriceSource.RELEASE)

    listing.says()
    assert listing.rate() == (Decimal("0.10"), PriceSource.PROVIDER)
    assert listing.says(prices=prices("0.12")) == "read=1 failed=0 changed=1"
    assert listing.says() == "read=1 failed=0"

    assert listing.rate() == (Decimal("0.12"), PriceSource.PROVIDER)
    with listing.rows.sessions.begin() as session:
        rows = session.scalars(select(ModelPrice).where(ModelPrice.model == MODEL).order_by(ModelPrice.from_at)).all()
        assert [row.per_second["720P"] for row in rows] == ["0.1", "0.12"]
        assert rows[0].from_at < rows[1].from_at


def test_it_is_asked_for_each_hour(listing: Listing) -> None:
    readings = []
    for _ in range(4):
        readings.append(listing.read().split()[0])
        listing.jobs.clock.advance(HOUR / 2)

    assert readings == ["read=1", "read=0"] * 2


def test_it_is_asked_for_sooner_while_a_job_of_an_unknown_model_waits(listing: Listing) -> None:
    listing.read()
    listing.jobs.queued(model="acme-video")
    listing.jobs.clock.advance(HOUR / 10)

    assert listing.read() == "read=1 failed=0"


def test_a_model_that_no_release_knows_is_budgeted_within_the_hour(listing: Listing, simulator: Simulator) -> None:
    simulator.control.post("config", json={"extra_models": ["acme-video"]}).raise_for_status()
    job_id = listing.jobs.queued(model="acme-video", resolution="720P", duration=5)
    with listing.rows.sessions.begin() as session:
        set_budget(session, session.scalars(select(Campaign.id)).one(), Budget(Decimal(10), "USD"))
    assert listing.admit() == []

    listing.says(prices=prices("0.4", "acme-video"))
    listing.rows.change(Campaign, paused_at=None)

    assert listing.admit() == [job_id]
    assert listing.rows.entries(job_id)[0].amount == 2


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"rows_max": 20}, "the list of models is cut: 20 of"),
        ({"is_absent": True}, "this host has no list of models"),
        ({"factor": 7.1}, "looks like CNY"),
        ({"factor": 0.14}, "is no list in USD"),
    ],
)
def test_a_list_that_cannot_be_read_whole_changes_nothing_and_says_why(
    listing: Listing, said: dict[str, Any], reason: str
) -> None:
    listing.says(prices=prices("0.12"))

    assert listing.says(**said) == "read=0 failed=1"

    assert listing.rate() == (Decimal("0.12"), PriceSource.PROVIDER)
    stored = listing.stored()
    assert reason in (stored.problem or "")
    assert stored.read_at is not None
    assert stored.read_at < stored.asked_at


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prices": None}, "no price of a second"),
        ({"prices": [{"prices": [{"type": "video_ratio_720p", "price": "0.2", "price_unit": "Per minute"}]}]}, "unit"),
        ({"prices": [{"prices": [{"type": "video_ratio_720p", "price": "0", "price_unit": "Per second"}]}]}, "above 0"),
        ({"prices": [{"prices": [{"type": "video_ratio_720p", "price": "0.04", "price_unit": "Per second"}]}]}, "half"),
    ],
)
def test_a_price_that_is_not_understood_or_far_too_low_keeps_the_one_before(
    listing: Listing, row: dict[str, Any], reason: str
) -> None:
    listing.says(prices=prices("0.12"))

    listing.says(rows={MODEL: row})

    assert listing.rate() == (Decimal("0.12"), PriceSource.PROVIDER)
    assert reason in listing.stored().unread[MODEL]


def test_a_price_however_much_higher_is_followed(listing: Listing) -> None:
    listing.says()
    listing.says(prices=prices("0.9"))

    assert listing.rate() == (Decimal("0.9"), PriceSource.PROVIDER)


def test_a_model_in_use_that_is_missing_keeps_its_price_and_renders(listing: Listing) -> None:
    listing.says()
    listing.says(missing=[MODEL])
    assert listing.stored().missing == {MODEL: 1}
    listing.says()

    assert listing.stored().missing == {MODEL: 2}
    assert listing.rate() == (Decimal("0.10"), PriceSource.PROVIDER)
    job_id = listing.jobs.queued()
    assert listing.admit() == [job_id]
    listing.says(missing=[])
    assert listing.stored().missing == {}


def test_an_operators_price_counts_before_the_lists(listing: Listing) -> None:
    with listing.rows.sessions.begin() as session:
        lock_prices(session)
        set_price(session, ModelPrice(
            source=PriceSource.OPERATOR, region=SINGAPORE, model=MODEL, currency="USD", per_second={"720P": "0.08"},
            origin="test", from_at=listing.jobs.clock.now(),
        ))  # fmt: skip
    listing.says(prices=prices("0.12"))

    assert listing.rate() == (Decimal("0.08"), PriceSource.OPERATOR)
    assert listing.rate(tier="1080P") == (Decimal("0.15"), PriceSource.RELEASE)
