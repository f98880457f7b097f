"""The audit against the provider: each way in which its list, its bill and our books can differ is named."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from models import ProviderTask, RenderJob
from models.session import DatabaseClock, make_engine, make_sessions
from tests.conftest import Simulator
from tests.support.recorded_hints import RecordedHints
from tests.support.simulated import KEY, Simulated
from workers.audit.provider import audit_provider
from workers.orphans.adoption import Orphan
from workers.orphans.scan import scan_for_orphans
from workers.runtime.context import Context


@pytest.fixture
def simulated(context: Context, hints: RecordedHints, simulator: Simulator, database_url: str) -> Iterator[Simulated]:
    """The steps over the simulator and real time."""
    engine = make_engine(database_url)
    provider = context.settings.provider.model_copy(
        update={"video_base_url": simulator.base_url, "http_transport": None}
    )
    # Tasks are listed at once; two seconds, because the list is asked for whole ones.
    reconcile = context.settings.reconcile.model_copy(update={"absent_seconds": 0.001, "clock_skew_seconds": 2})
    settings = replace(context.settings, provider=provider, reconcile=reconcile)
    environment = {"ALIBABA_API_KEY": KEY}
    outside = {"sessions": make_sessions(engine), "clock": DatabaseClock(), "environment": environment}
    yield Simulated(replace(context, settings=settings, **outside), hints, simulator)
    engine.dispose()


def adopted(simulated: Simulated) -> Orphan:
    """The orphan, as soon as it is old enough to be one."""
    quick = {"send_within_seconds": 0.0, "post_seconds": 0.0, "settle_within_seconds": 0.0}
    submit = simulated.context.settings.submit.model_copy(update=quick)
    context = replace(simulated.context, settings=replace(simulated.context.settings, submit=submit))
    found: list[Orphan] = []

    def look() -> bool:
        found.extend(orphan for one in scan_for_orphans(context) for orphan in one.orphans)
        return bool(found)

    simulated.wait_until(look)
    return found[0]


def broken(simulated: Simulated) -> set[str]:
    """The checks that find something."""
    return {finding.check.name for finding in audit_provider(simulated.context) if finding.rows}


def test_books_that_agree_to_the_cent_have_no_findings(simulated: Simulated) -> None:
    job_id = simulated.rendered()
    simulated.rendered(resolution="1080P")

    findings = audit_provider(simulated.context)

    assert [finding.check.name for finding in findings if finding.rows] == []
    assert {"bill_agrees", "totals_agree", "listed_task_is_owned"} <= {finding.check.name for finding in findings}
    assert simulated.rows.spent(job_id) == Decimal("0.20")


def test_the_reservation_of_a_row_with_options_in_raw_is_what_the_simulator_bills(simulated: Simulated) -> None:
    job_id = simulated.rendered(duration=2, stored_raw={"duration": 4, "size": "1920*1080"})

    (charge,) = simulated.charges()
    assert Decimal(charge["amount"]) == Decimal("0.60")
    assert [(entry.kind, entry.amount) for entry in simulated.rows.entries(job_id)] == [
        ("reserve", Decimal("0.60")),
        ("release", Decimal("-0.60")),
        ("settle", Decimal("0.60")),
    ]


def test_a_task_of_nobody_is_found_until_it_is_adopted(simulated: Simulated) -> None:
    simulated.rendered()
    simulated.stray()
    assert broken(simulated) == {"listed_task_is_owned", "bill_agrees", "totals_agree"}

    assert adopted(simulated).amount == Decimal("0.30")
    assert broken(simulated) == set()


def test_what_was_paid_and_is_not_settled_is_found(simulated: Simulated) -> None:
    job_id = simulated.submitted()
    simulated.wait_until(lambda: len(simulated.charges()) == 1)
    assert broken(simulated) == set()  # it is followed: its next poll settles it

    simulated.rows.change(RenderJob, RenderJob.id == job_id, next_poll_at=None)

    assert broken(simulated) == {"listed_task_is_settled", "statuses_agree", "bill_agrees", "totals_agree"}


def test_a_task_that_the_provider_does_not_list_is_found(simulated: Simulated) -> None:
    job_id = simulated.rendered()
    simulated.rows.change(ProviderTask, ProviderTask.job_id == job_id, provider_task_id="of-another-main-account")

    assert {"our_task_is_listed", "listed_task_is_owned"} <= broken(simulated)


def test_a_list_that_cannot_be_read_is_found(simulated: Simulated) -> None:
    simulated.rendered()
    simulated.context = replace(simulated.context, environment={})

    assert broken(simulated) == {"list_is_readable"}


def test_what_is_older_than_the_window_is_left_out(simulated: Simulated) -> None:
    simulated.stray()
    made_by_second = int(time.time())
    simulated.rendered()
    # The list's window is in whole seconds, and so is the time by which the provider's clock is read.
    simulated.wait_until(lambda: int(time.time()) > made_by_second + 1)

    findings = audit_provider(simulated.context, window=timedelta(microseconds=1))

    assert [finding.check.name for finding in findings if finding.rows] == []
