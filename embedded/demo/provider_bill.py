"""Reads the evidence that the demo is judged by: the provider's bill and the database's rows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx
from sqlalchemy import Engine, Row, select
from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.session import make_engine
from reelqueue.states import AttemptState
from workers.audit.check import Finding
from workers.audit.invariants import audit

_UNDER_WAY = frozenset({"PENDING", "RUNNING"})


class Evidence:
    """Questions to a running stack, asked past its own API; a context manager."""

    def __init__(self, simulator_url: str, database_url: str) -> None:
        self._simulator = httpx.Client(base_url=f"{simulator_url}/__sim__/", trust_env=False)
        self._engine: Engine = make_engine(database_url, application_name="demo", pool_size=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._simulator.close()
        self._engine.dispose()

    def script(self, *faults: dict[str, Any]) -> None:
        """Let the provider misbehave."""
        self._simulator.post("faults", json=faults).raise_for_status()

    def faults_met(self) -> int:
        """How often it has."""
        return sum(fault["taken"] for fault in self._read("faults")["faults"])

    def billed_task_ids(self) -> list[str]:
        """Provider tasks, one for each line of the bill."""
        return [entry["task_id"] for entry in self._read("ledger")["entries"]]

    def billed_text(self) -> Decimal:
        """What the language models have billed."""
        return sum(map(Decimal, self._read("texts")["totals"].values()), Decimal(0))

    def is_provider_idle(self) -> bool:
        """Whether every task has ended there, unknown ones included, so that the bill is complete."""
        return not _UNDER_WAY & self._read("health")["tasks"].keys()

    def adopted(self) -> Sequence[Row[str | None, str]]:
        """Clips whose task was found in the provider's list, and its id, in the order of the clips."""
        found = (
            select(RenderJob.custom_id, ProviderTask.provider_task_id)
            .join(Attempt, Attempt.job_id == RenderJob.id)
            .join(ProviderTask, ProviderTask.attempt_id == Attempt.id)
            .where(Attempt.state == AttemptState.ADOPTED)
            .order_by(RenderJob.custom_id)
        )
        with Session(self._engine) as session:
            return session.execute(found).all()

    def findings(self) -> list[Finding]:
        """Every invariant, with the rows that break it."""
        with Session(self._engine) as session:
            return audit(session)

    def _read(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = self._simulator.get(name).raise_for_status().json()
        return document
