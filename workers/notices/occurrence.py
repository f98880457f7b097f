"""One thing that happened, as a value: what the row of a notice is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.campaign import Campaign


@dataclass(frozen=True)
class Occurrence:
    """What is found to be so; the same key is the same occurrence."""

    kind: str
    subject: str
    marker: str
    occurred_at: datetime
    campaign: Campaign | None = None
    """Whose event it is; None: one of the server."""
    facts: dict[str, Any] = field(default_factory=dict)
    """JSON of what is known beside the campaign's own numbers."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What the unique index compares."""
        return self.kind, self.subject, self.marker
