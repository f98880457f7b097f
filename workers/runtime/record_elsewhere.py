"""What is recorded about submits outside the database: the seam for a journal that does not travel with it."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from models.account import Account
from workers.dashscope import ListedTask


class RecordElsewhere(Protocol):
    """Knows of submits that a restored database has forgotten."""

    def job_of(self, account: Account, task: ListedTask, /) -> UUID | None:
        """The render job whose POST made a listed task; None: not recorded."""


class NoRecord:
    """The provider's list is all there is."""

    def job_of(self, _account: Account, _task: ListedTask, /) -> UUID | None:
        """Not recorded."""
        return None
