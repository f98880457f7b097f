"""Shares of the slots: turns between tenants; inside a tenant priority, then turns between campaigns."""

from __future__ import annotations

from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import new_id
from models.operations.admission.fair_share import CampaignQueue, FairShare, QueuedJob

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def line(tenant: int, jobs: int, *, campaign: int = 0, priority: int = 0, room: int | None = None) -> CampaignQueue:
    waiting = deque(QueuedJob(new_id(), 0, priority) for _ in range(jobs))
    return CampaignQueue(UUID(int=tenant * 1000 + campaign), UUID(int=tenant), waiting, held_count=0, room=room)


def hand_out(
    lines: list[CampaignQueue], slots: int, held: Counter[UUID] | None = None, began_at: datetime = NOW
) -> list[CampaignQueue]:
    sharing, served = FairShare(lines, held or Counter()), []
    for turn in range(slots):
        following = sharing.next_line()
        if following is None:
            break
        sharing.admit(following, began_at + timedelta(seconds=turn))
        served.append(following)
    return served


def jain(shares: list[int]) -> float:
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


def test_a_higher_priority_goes_first_inside_its_tenant() -> None:
    urgent, others = line(1, 2, campaign=2, priority=1), line(1, 5, campaign=1)

    assert hand_out([others, urgent], 3) == [urgent, urgent, others]


def test_no_priority_takes_a_slot_from_another_tenant() -> None:
    urgent, other = line(1, 40, priority=200), line(2, 1)

    assert hand_out([urgent, other], 2, Counter({UUID(int=1): 1}))[0] is other


LINES = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 5), st.integers(-200, 200), st.none() | st.integers(0, 4)), max_size=8
)


@given(LINES, st.integers(0, 30))
def test_priorities_change_nothing_between_tenants(made: list[tuple[int, int, int, int | None]], slots: int) -> None:
    """Which tenant gets which slot is the same whatever its jobs' priorities."""

    def tenants(*, with_priority: bool) -> list[UUID]:
        lines = [
            line(tenant, jobs, campaign=number, priority=priority if with_priority else 0, room=room)
            for number, (tenant, jobs, priority, room) in enumerate(made)
        ]
        return [one.tenant_id for one in hand_out(lines, slots)]

    assert tenants(with_priority=True) == tenants(with_priority=False)


@given(LINES, st.integers(0, 30))
def test_inside_a_tenant_the_highest_priority_is_next(made: list[tuple[int, int, int, int | None]], slots: int) -> None:
    lines = [
        line(tenant, jobs, campaign=number, priority=priority, room=room)
        for number, (tenant, jobs, priority, room) in enumerate(made)
    ]
    sharing = FairShare(lines, Counter())
    for turn in range(slots):
        if (served := sharing.next_line()) is None:
            break
        rivals = [one for one in lines if one.is_open and one.tenant_id == served.tenant_id]
        assert served.waiting[0].priority == max(one.waiting[0].priority for one in rivals)
        sharing.admit(served, NOW + timedelta(seconds=turn))


def test_who_holds_fewer_slots_is_next() -> None:
    much, little = line(1, 5), line(2, 5)

    assert hand_out([much, little], 3, Counter({UUID(int=1): 3})) == [little, little, little]


def test_campaigns_share_what_their_tenant_gets() -> None:
    first, second, other = line(1, 9, campaign=1), line(1, 9, campaign=2), line(2, 9)

    served = Counter(id(one) for one in hand_out([first, second, other], 8))

    assert (served[id(first)], served[id(second)], served[id(other)]) == (2, 2, 4)


def test_a_campaign_without_room_waits() -> None:
    narrow = line(1, 5, room=2)

    assert len(hand_out([narrow], 5)) == 2


@given(slots=st.integers(2, 12), durations=st.lists(st.integers(1, 20), min_size=2, max_size=5))
@settings(deadline=None, max_examples=30)
def test_busy_tenants_hold_the_slots_for_equal_times(slots: int, durations: list[int]) -> None:
    """Whatever their renders last; their queues never end. A slot is indivisible, so two each make shares even."""
    tenants = [UUID(int=number) for number in range(len(durations))]
    running: list[tuple[int, UUID]] = []
    last: dict[UUID, datetime] = {}
    held_ticks: Counter[UUID] = Counter()
    for tick in range(500):
        running = [(end, tenant) for end, tenant in running if end > tick]
        lines = [line(number, slots) for number in range(len(tenants))]
        for one in lines:
            one.tenant_last_admitted_at = last.get(one.tenant_id)
        began_at = NOW + timedelta(minutes=tick)
        for served in hand_out(lines, slots - len(running), Counter(tenant for _, tenant in running), began_at):
            running.append((tick + durations[served.tenant_id.int], served.tenant_id))
            last[served.tenant_id] = served.last_admitted_at or began_at
        held_ticks.update(tenant for _, tenant in running)
    shares = [held_ticks[tenant] for tenant in tenants]
    assert jain(shares) >= 0.95 if slots >= 2 * len(tenants) else min(shares) > 0
