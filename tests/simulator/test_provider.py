"""The core: states over time, cancelling, expiry, limits and the bill."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from simulator.clock import VirtualClock
from simulator.core.provider import Provider
from simulator.errors import WireError
from simulator.store.store import Store
from simulator.tasks import TaskStatus

if TYPE_CHECKING:
    from tests.simulator.conftest import Bench


def repeatable(seed: int) -> Random:
    """Randomness that is the same in every run."""
    return Random(seed)  # noqa: S311 - ids and run times of a simulation


def test_a_task_is_pending_for_some_tens_of_milliseconds(bench: Bench) -> None:
    task = bench.submit()

    assert bench.see(task).status is TaskStatus.PENDING
    bench.after(0.029)
    assert bench.see(task).status is TaskStatus.PENDING
    bench.after(0.021)
    assert bench.see(task).status is TaskStatus.RUNNING


def test_a_task_ends_after_its_run_time(bench: Bench) -> None:
    task = bench.submit("a cat [[run=60]]")
    bench.after(61)

    seen = bench.see(task)

    assert seen.status is TaskStatus.SUCCEEDED
    assert seen.ends_ms is not None
    assert seen.scheduled_ms is not None
    assert seen.ends_ms - seen.scheduled_ms == 60_000


def test_the_time_scale_divides_run_times_and_expiries(bench: Bench) -> None:
    bench.provider.configure({"time_scale": 60})
    task = bench.submit("a cat [[run=60]]")

    bench.after(1.1)
    assert bench.see(task).status is TaskStatus.SUCCEEDED
    bench.after(24 * 60)
    assert bench.provider.query(task.account, task.task_id) is None


def test_a_sixth_task_waits_for_a_slot(bench: Bench) -> None:
    tasks = [bench.submit() for _ in range(6)]
    bench.after(59)

    assert [bench.see(task).status for task in tasks].count(TaskStatus.RUNNING) == 5
    assert bench.see(tasks[5]).status is TaskStatus.PENDING
    bench.after(2)
    assert bench.see(tasks[5]).status is TaskStatus.RUNNING


def test_slots_are_counted_per_account_and_model(bench: Bench) -> None:
    for _ in range(5):
        bench.submit()
    others = [bench.submit(account="other"), bench.submit(model="wan2.6-t2v-us")]
    bench.after(1)

    assert {bench.see(task).status for task in others} == {TaskStatus.RUNNING}


def test_a_full_account_may_be_refused(bench: Bench) -> None:
    bench.provider.configure({"limits": {"slots": 1, "over_slots": "reject"}})
    bench.submit()

    with pytest.raises(WireError, match="rate limit"):
        bench.submit()


def test_a_full_account_may_be_forgotten(bench: Bench) -> None:
    bench.provider.configure({"limits": {"slots": 1, "over_slots": "drop"}})
    bench.submit()

    forgotten = bench.submit()

    assert bench.provider.query(forgotten.account, forgotten.task_id) is None


def test_a_pending_task_can_be_cancelled_and_is_not_billed(bench: Bench) -> None:
    task = bench.submit()
    bench.provider.cancel(task.account, task.task_id)
    bench.after(3600)

    assert bench.see(task).status is TaskStatus.CANCELED
    assert bench.provider.store.ledger.charges() == []


def test_a_running_task_cannot_be_cancelled(bench: Bench) -> None:
    task = bench.submit()
    bench.after(1)

    with pytest.raises(WireError, match="PENDING"):
        bench.provider.cancel(task.account, task.task_id)


def test_cancelling_a_waiting_task_lets_the_next_one_start(bench: Bench) -> None:
    bench.provider.configure({"limits": {"slots": 1}})
    first, second, third = (bench.submit() for _ in range(3))
    bench.after(1)

    bench.provider.cancel(second.account, second.task_id)
    bench.after(60)

    assert bench.see(third).status is TaskStatus.RUNNING
    assert bench.see(first).status is TaskStatus.SUCCEEDED


def test_another_account_does_not_see_a_task(bench: Bench) -> None:
    task = bench.submit()

    assert bench.provider.query("other", task.task_id) is None


def test_a_task_is_forgotten_after_24_hours(bench: Bench) -> None:
    task = bench.submit()
    bench.after(86_399)
    assert bench.see(task).status is TaskStatus.SUCCEEDED

    bench.after(1)

    assert bench.provider.query(task.account, task.task_id) is None


def test_a_task_that_never_ends_fails_after_three_hours(bench: Bench) -> None:
    task = bench.submit("a cat [[timeout]]")
    bench.after(10_799)
    assert bench.see(task).status is TaskStatus.RUNNING

    bench.after(2)

    assert bench.see(task).outcome.code == "InternalError.Timeout"


def test_each_succeeded_task_is_billed_once(bench: Bench) -> None:
    task = bench.submit(parameters={"size": "1280*720", "duration": 10})
    for _ in range(3):
        bench.after(60)
        bench.see(task)

    (charge,) = bench.provider.store.ledger.charges()

    assert (charge.task_id, charge.billed_seconds, charge.amount, charge.currency) == (task.task_id, "10", "1", "USD")


def test_a_failed_task_is_not_billed(bench: Bench) -> None:
    bench.submit("a cat [[internal]]")
    bench.after(1000)

    assert bench.provider.store.ledger.charges() == []


def test_submits_over_the_rate_are_refused_and_make_no_task(bench: Bench) -> None:
    bench.provider.configure({"limits": {"is_throttling": True}})
    for _ in range(5):
        bench.submit()

    with pytest.raises(WireError) as refusal:
        bench.submit()

    assert (refusal.value.status, refusal.value.code) == (429, "Throttling.RateQuota")
    assert sum(bench.provider.store.tasks.count_by_status().values()) == 5
    bench.after(1)
    bench.submit()


def test_an_account_in_arrears_is_refused(bench: Bench) -> None:
    bench.provider.configure({"is_in_arrears": True})

    with pytest.raises(WireError, match="good standing"):
        bench.submit()


def test_the_same_seed_gives_the_same_history(bench: Bench) -> None:
    def history() -> list[object]:
        clock = VirtualClock()
        provider = Provider(Store(), clock, random=repeatable(3))
        tasks = [type(bench)(provider, clock).submit("a cat") for _ in range(3)]
        provider.advance(1000)
        return [provider.query(task.account, task.task_id) for task in tasks]

    assert history() == history()


def test_unfinished_tasks_go_on_after_a_restart(tmp_path: Path, bench: Bench) -> None:
    clock, store = VirtualClock(), Store(tmp_path)
    provider = Provider(store, clock, random=repeatable(1))
    provider.configure({"limits": {"slots": 1}})
    tasks = [provider.submit(bench.order(f"{name} [[run=60]]")) for name in "ab"]
    provider.advance(1)
    store.close()

    store = Store(tmp_path)
    again = Provider(store, clock, random=repeatable(2))
    again.advance(130)

    assert {charge.task_id for charge in store.ledger.charges()} == {task.task_id for task in tasks}
    store.close()
