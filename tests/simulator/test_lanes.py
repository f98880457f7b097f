"""Slots: who runs when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator.core.slot_queue import Finished, Lane, Started, Waiting


def lane_of(slots: int, *tasks: tuple[int, int]) -> Lane:
    """A lane with tasks of (ready, run) milliseconds, named by their number."""
    lane = Lane(slots)
    for number, (ready_ms, run_ms) in enumerate(tasks):
        lane.add(Waiting(str(number), ready_ms, run_ms))
    return lane


def test_a_task_starts_when_it_is_ready() -> None:
    assert list(lane_of(1, (40, 100)).events(1000)) == [Started("0", 40, 140), Finished("0", 140)]


def test_the_next_task_takes_the_slot_that_a_task_gives_back() -> None:
    events = list(lane_of(1, (0, 100), (10, 50)).events(1000))

    assert events[2] == Started("1", 100, 150)


def test_tasks_start_in_the_order_of_their_submission() -> None:
    events = list(lane_of(2, (0, 100), (0, 30), (0, 10), (0, 10)).events(1000))

    assert [event.task_id for event in events if isinstance(event, Started)] == ["0", "1", "2", "3"]


def test_a_withdrawn_task_never_starts() -> None:
    lane = lane_of(1, (0, 100), (0, 100))

    assert lane.withdraw("1")
    assert [event.task_id for event in lane.events(1000)] == ["0", "0"]


def test_a_running_task_cannot_be_withdrawn() -> None:
    lane = lane_of(1, (0, 100))
    list(lane.events(50))

    assert not lane.withdraw("0")


def test_a_new_slot_is_not_used_before_it_existed() -> None:
    lane = lane_of(1, (0, 1000), (0, 1000))
    list(lane.events(500))
    lane.resize(2, 500)

    assert list(lane.events(600)) == [Started("1", 500, 1500)]


@given(
    slots=st.integers(1, 4),
    tasks=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 300)), max_size=12),
    looks=st.lists(st.integers(0, 5000), max_size=8),
)
def test_looking_often_gives_the_same_times_as_looking_once(
    slots: int, tasks: list[tuple[int, int]], looks: list[int]
) -> None:
    watched = lane_of(slots, *tasks)
    seen = [event for moment in [*sorted(looks), 10_000] for event in watched.events(moment)]

    assert seen == list(lane_of(slots, *tasks).events(10_000))


@given(slots=st.integers(1, 4), tasks=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 300)), max_size=12))
def test_no_more_tasks_run_than_there_are_slots(slots: int, tasks: list[tuple[int, int]]) -> None:
    running = 0
    for event in lane_of(slots, *tasks).events(10_000):
        running += 1 if isinstance(event, Started) else -1
        assert 0 <= running <= slots
