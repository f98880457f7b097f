"""Databases that go back in time: forgotten tasks in the provider's list, and gates that were open elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from models import Account, AccountClock, SubmitGate
from models.operations.scheduling.submit_gates import obstacles
from tests.support.jobs import MODEL, Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import listing, succeeded, task
from workers.dispatch.dispatcher import dispatch
from workers.runtime.context import Context

SETTLED_SECONDS: Final = 120.0
"""Longer than a POST and the list may take."""
_EPOCH: Final = datetime.fromisoformat("2000-01-01T00:00:00Z")


@dataclass
class Restored:
    """Says what happened to the database, and what the provider has."""

    context: Context
    jobs: Jobs
    rows: Rows

    def from_backup(self) -> None:
        """It is another database than the gate was open in."""
        self.rows.change(SubmitGate, database_id="database=1 system=2 table=3 timeline=1")

    def on_the_same_server(self) -> None:
        """Its data directory was put back, or the server was started again."""
        self.rows.change(SubmitGate, server_started_at=_EPOCH)

    def with_known_clock(self) -> None:
        """The provider's clock is known to agree with the database's."""
        with self.rows.sessions.begin() as session:
            for account_id in session.scalars(select(Account.id)):
                known = {"offset_seconds": 0.0, "uncertainty_seconds": 0.0, "measured_at": self.jobs.clock.now()}
                session.add(AccountClock(account_id=account_id, **known))

    def lists(
        self, *task_ids: str, model: str = MODEL, age_seconds: float = 0, missing: int = 0, **prompts: str | None
    ) -> None:
        """The provider lists tasks of that age: renders, and *prompts*: finished ones with what they echo.

        It counts some more that are *missing*.
        """
        made_at = self.jobs.clock.now() - timedelta(seconds=age_seconds)
        made = {"model_name": model, "gmt_create": int(made_at.timestamp() * 1000)}
        rows: list[dict[str, Any]] = [{"task_id": one, "status": "RUNNING", **made} for one in task_ids]
        rows += [{"task_id": one, "status": "SUCCEEDED", **made} for one in prompts]
        self.jobs.provider.on_list(listing(*rows, missing=missing))
        for one in task_ids:
            self.jobs.provider.on_query(task("RUNNING"), task_id=one)
        for one, prompt in prompts.items():
            said = succeeded() if prompt is None else succeeded(orig_prompt=prompt)
            self.jobs.provider.on_query(said, task_id=one)

    def dispatched(self, *, after_seconds: float = 0) -> int:
        """How many jobs a dispatch admits, now or later."""
        self.jobs.clock.advance(after_seconds)
        return len(dispatch(self.context))

    def settle(self) -> int:
        """How many jobs are admitted once nothing of the forgotten future can be under way."""
        return self.dispatched(after_seconds=SETTLED_SECONDS)

    def reasons(self) -> list[str]:
        """Why jobs are held back."""
        with self.context.sessions() as session:
            return [one.reason for one in obstacles(session, self.jobs.clock.now())]
