"""What one tenant may have waiting at this API, so that it cannot fill database and queue for the others."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from api.problem_details import ProblemError
from api.settings import ApiSettings
from models.operations.campaign_import.quotas import open_imports, queued_jobs

COUNTED_FOR_SECONDS: Final = 10.0
"""Counting a long queue takes longer than storing a job; what this process adds meanwhile is known."""
RETRY_AFTER_SECONDS: Final = 60


@dataclass
class _Count:
    """Queued jobs of a tenant as they were counted, and what was added since."""

    queued: int
    counted_at: float
    """By the monotonic clock."""


@dataclass
class Quotas:
    """The quotas of each tenant, checked before anything is stored."""

    settings: ApiSettings
    _queued: dict[UUID, _Count] = field(default_factory=dict)

    def check_imports(self, session: Session, tenant_id: UUID) -> None:
        """Refuse one more import.

        Raises:
            ProblemError: 409 where the tenant has enough of them open.
        """
        count, _ = open_imports(session, tenant_id)
        most = self.settings.api_open_imports_per_tenant
        if count >= most:
            raise ProblemError(
                409,
                "too_many_imports",
                f"{count} imports of this tenant are neither committed nor discarded, of at most {most}; commit or "
                "discard some, or wait until they are forgotten, a day after they were begun",
            )

    def check_staged(self, session: Session, tenant_id: UUID) -> None:
        """Refuse one more batch.

        Raises:
            ProblemError: 409 where the tenant's open imports have staged enough.
        """
        _, staged_bytes = open_imports(session, tenant_id)
        most = self.settings.api_staged_bytes_per_tenant
        if staged_bytes >= most:
            raise ProblemError(
                409,
                "staged_too_much",
                f"the open imports of this tenant have staged {staged_bytes} bytes, of at most {most}; commit or "
                "discard some, or send pictures as URLs",
            )

    def check_queue(self, session: Session, tenant_id: UUID, added: int = 1) -> None:
        """Refuse the jobs that were stored in this transaction.

        Args:
            session: In that transaction.
            tenant_id: Whose they are.
            added: How many.

        Raises:
            ProblemError: 429 where they make the tenant's queue too long; the caller does not commit.
        """
        known = self._queued.get(tenant_id)
        if known is None or time.monotonic() - known.counted_at > COUNTED_FOR_SECONDS:
            known = self._queued[tenant_id] = _Count(queued_jobs(session, tenant_id) - added, time.monotonic())
        if known.queued + added > self.settings.api_queued_jobs_per_tenant:
            raise self._full(known.queued)
        known.queued += added

    def check_stored(self, session: Session, tenant_id: UUID, added: int) -> None:
        """Refuse clips that were stored in this transaction: how many of a file are new is known then only.

        Raises:
            ProblemError: 429 where they make the tenant's queue too long; the caller does not commit.
        """
        if not added:
            return
        queued = queued_jobs(session, tenant_id)
        if queued > self.settings.api_queued_jobs_per_tenant:
            raise self._full(queued - added)
        self._queued[tenant_id] = _Count(queued, time.monotonic())

    def _full(self, queued: int) -> ProblemError:
        return ProblemError(
            429,
            "queue_full",
            f"{queued} jobs of this tenant are queued, of at most {self.settings.api_queued_jobs_per_tenant}; send "
            "more when some are done or cancelled",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
