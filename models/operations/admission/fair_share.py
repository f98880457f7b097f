"""Fair scheduling: shares between tenants; inside a tenant priority, then shares between campaigns, then age.

Pure decisions. A tenant sets its priorities itself, so they order its own jobs only. A share is counted in slots held
now, so long renders weigh as much as they occupy; of those that hold equally many, who has waited longest since the
last admission is next, which takes turns.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class QueuedJob:
    """A queued job."""

    job_id: UUID
    epoch: int
    priority: int
    """Its own and its campaign's together."""


@dataclass
class CampaignQueue:
    """The jobs of one campaign that wait for one model."""

    campaign_id: UUID
    tenant_id: UUID
    waiting: deque[QueuedJob]
    """By priority and age."""
    held_count: int
    """Slots of the model that the campaign holds."""
    room: int | None = None
    """How many more jobs the campaign allows at the provider; None: any number."""
    last_admitted_at: datetime | None = None
    tenant_last_admitted_at: datetime | None = None
    is_closed: bool = False
    """Whether it may not have another slot now."""

    @property
    def is_open(self) -> bool:
        """Whether its next job may be admitted."""
        return bool(self.waiting) and not self.is_closed and (self.room is None or self.room > 0)


class FairShare:
    """Assigns the free slots of a model, one by one."""

    def __init__(self, lines: Iterable[CampaignQueue], held_by_tenant: Counter[UUID]) -> None:
        """Args: the lines, and how many slots of the model each tenant holds, also through campaigns without a line."""
        self._lines = list(lines)
        self._held_by_tenant = held_by_tenant.copy()

    def next_line(self) -> CampaignQueue | None:
        """The line whose first job is next; None if no job may have a slot."""
        return min((line for line in self._lines if line.is_open), key=self._rank, default=None)

    def admit(self, line: CampaignQueue, now: datetime) -> QueuedJob:
        """Take a line's first job: its campaign and its tenant hold one more slot."""
        line.held_count += 1
        self._held_by_tenant[line.tenant_id] += 1
        line.last_admitted_at = now
        if line.room is not None:
            line.room -= 1
        for other in self._lines:
            if other.tenant_id == line.tenant_id:
                other.tenant_last_admitted_at = now
        return line.waiting.popleft()

    def _rank(self, line: CampaignQueue) -> tuple[int, datetime, int, int, int, datetime, UUID]:
        return (
            self._held_by_tenant[line.tenant_id],
            line.tenant_last_admitted_at or _NEVER,
            line.tenant_id.int,
            -line.waiting[0].priority,
            line.held_count,
            line.last_admitted_at or _NEVER,
            line.campaign_id,
        )
