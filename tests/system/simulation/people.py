"""Who sends jobs in, and who looks after them: requests, cancels, pauses and reviews."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any, Final, LiteralString
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from models.campaign import Campaign
from models.operations.accounts import pause_account, resume_account
from models.operations.jobs.cancel import request_cancel
from models.operations.money.budget import (
    Budget,
    BudgetBelowCommitmentsError,
    reserved_amount,
    set_budget,
    spent_amount,
)
from models.operations.scheduling.poll_wakeups import wake_for
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue import messages
from reelqueue.states import RenderState
from tests.system.simulation.restore import recover
from tests.system.simulation.temper import Temper
from tests.system.simulation.world import World
from workers.operator.manual_review import adopt, apply_found, resubmit, write_off
from workers.polling.apply_answers import Effects
from workers.quarantine.release import is_quarantined, retry

_MODELS: Final = ("wan2.6-t2v", "wan2.6-t2v", "wan2.2-t2v-plus")
_ENDS: Final = ("", "", "", "", "", "[[internal]]", "[[blocked-output]]", "[[fail=InvalidParameter.X]]", "[[queue=30]]",
         "[[fail=Throttling]]", "[[fail=InternalError.Algo.DataInspectionFailed]]")  # fmt: skip

_STOPPABLE: Final = frozenset(
    {
        RenderState.QUEUED,
        RenderState.ADMITTED,
        RenderState.SUBMITTING,
        RenderState.RENDERING,
        RenderState.CANCELLING,
    }
)
# In doubt, or in quarantine, which is also where the fetch of a late result may have gone.
_FOR_PEOPLE: Final = """
SELECT id FROM render_jobs WHERE state = 'needs_review' OR (state = 'timed_out' AND failure_class = 'poison')
ORDER BY id LIMIT 1
"""
_HELD: Final = """
SELECT 1 FROM accounts WHERE paused_at IS NOT NULL
UNION ALL SELECT 1 FROM campaigns WHERE budget_amount IS NOT NULL LIMIT 1
"""
# Listed tasks that fit several waiting jobs of a restored database.
_FOR_RECOVER: Final = "SELECT 1 FROM submit_gates WHERE reason LIKE '%%workers recover%%' LIMIT 1"
# When a row calls for something, by what it says itself.
_DUE: Final = """
SELECT min(due_at) FROM (
  SELECT min(next_poll_at) AS due_at FROM render_jobs
  UNION ALL SELECT min(next_archive_at) FROM render_jobs
  UNION ALL SELECT min(start_by) FROM render_jobs WHERE state IN ('queued', 'admitted')
  UNION ALL SELECT min(coalesce(not_before_at, created_at)) FROM render_jobs WHERE state = 'queued'
  UNION ALL SELECT min(s.submit_at) FROM slots s JOIN render_jobs j ON j.id = s.job_id WHERE j.state = 'admitted'
  UNION ALL SELECT min(send_by) FROM attempts WHERE state = 'intent'
  UNION ALL SELECT min(answer_by) FROM attempts WHERE state = 'sent'
  UNION ALL SELECT min(reconcile_at) FROM attempts
  UNION ALL SELECT min(next_fetch_at) FROM found_tasks
  UNION ALL SELECT min(greatest(d.next_attempt_at, e.held_until, e.lease_until))
            FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
) AS moments
"""


@dataclass
class Producer:
    """Sends requests over the broker, each under a key of its own."""

    world: World
    temper: Temper
    random: Random
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)

    def send_all(self) -> None:
        """Every job of the seed, now or within a minute."""
        for number in range(1, self.temper.jobs + 1):
            key, request = f"order-{number}", self._request(number)
            self.requests[key] = request
            countdown = self.random.choice([0, 0, 0, 10, 60])
            self.world.broker.send_task(messages.INTAKE_ENQUEUE, (request, key), countdown=countdown)
            self.world.trace(f"job {key}: {request}")

    def _request(self, number: int) -> dict[str, Any]:
        if self.requests and self.random.random() < self.temper.twins:
            twin = dict(self.random.choice(list(self.requests.values())))
            # With other options, sometimes: then the echoed prompt does not tell them apart.
            if self.random.random() < 0.5:
                twin |= {"duration": 10} if twin["model"].startswith("wan2.6") and number % 2 else {"seed": number}
            return twin
        request: dict[str, Any] = {
            "model": self.random.choice(_MODELS),
            "prompt": f"a paper boat in street {number} {self.random.choice(_ENDS)}".strip(),
            "poll_interval_ms": self.random.choice([2000, 5000, 10_000]),
            "poll_timeout_ms": self.random.choice([5000, 60_000, 600_000, 600_000]),
            "on_timeout": self.random.choice(["collect", "collect", "cancel", "abandon"]),
            "priority": self.random.choice([0, 0, 10]),
        }
        if self.temper.pictures and self.random.random() < self.temper.pictures:
            picture = f"https://media.test/{self.random.choice('ab')}.png"
            request |= {"model": "wan2.6-i2v", "prompt": None, "image": picture, "resolution": "720P"}
        if self.random.random() < 0.1:
            request["start_by"] = self.world.clock.at(self.random.choice([5, 60])).isoformat()
        return request


@dataclass
class Operator:
    """Has the operator's commands, and the provider's console, which tells the truth.

    What he does with the database is the work of a step, so that he waits for locks as everybody does.
    """

    world: World
    random: Random

    def cancel_some_job(self) -> str:
        """Cancel one, as the API does."""
        with self.world.context.sessions.begin() as session:
            ids = list(session.scalars(select(RenderJob.id).order_by(RenderJob.id)))
            if not ids:
                return "nothing to cancel"
            job_id, abandon = self.random.choice(ids), self.random.random() < 0.5
            done = request_cancel(session, job_id, now=self.world.database_clock.now(), abandon_running=abandon)
            state = session.scalars(
                select(RenderJob.state).where(RenderJob.id == job_id).with_for_update(key_share=True)
            ).one()
            if not done and state in _STOPPABLE:
                self.world.witness.broken.append(f"a cancel was refused, though job {job_id} is {state}")
        self.world.context.hints.dispatch()
        return f"cancel {job_id} abandon={abandon}: {done}"

    def pause_or_resume(self) -> str:
        """Pause an account, or resume it."""
        with self.world.context.sessions.begin() as session:
            account = self.random.choice(list(session.scalars(select(Account).order_by(Account.name))))
            if account.paused_at is not None:
                resume_account(session, account.name)
                return f"resumed {account.name}"
            pause_account(session, account.id, "lunch", now=self.world.database_clock.now())
            return f"paused {account.name}"

    def change_budget(self) -> str:
        """Give a campaign a budget for a clip or two more, or none."""
        try:
            with self.world.context.sessions.begin() as session:
                campaigns = list(session.scalars(select(Campaign).order_by(Campaign.id)))
                if not campaigns:
                    return "no campaign yet"
                campaign = self.random.choice(campaigns)
                committed = spent_amount(session, campaign.id, "USD") + reserved_amount(session, campaign.id, "USD")
                more = self.random.choice([None, Decimal(0), Decimal("0.5"), Decimal(1)])
                budget = None if more is None else Budget(committed + more, "USD")
                set_budget(session, campaign.id, budget)
        except BudgetBelowCommitmentsError as error:
            return str(error)  # more was reserved meanwhile
        self.world.context.hints.dispatch()
        return f"budget of {campaign.name}: {budget}"

    def resume_all(self) -> str:
        """Every account works, and nothing lacks money: a transaction each, as the commands do it."""
        with self.world.context.sessions.begin() as session:
            names = session.scalars(select(Account.name)).all()
            limited = session.scalars(select(Campaign.id).where(Campaign.budget_amount.is_not(None))).all()
        resumed = [name for name in names if self._resume(name)]
        for campaign_id in limited:
            with self.world.context.sessions.begin() as session:
                set_budget(session, campaign_id, None)
        self.world.context.hints.dispatch()
        return f"resumed {resumed}"

    def _resume(self, name: str) -> bool:
        with self.world.context.sessions.begin() as session:
            return resume_account(session, name)

    def overdue_at(self) -> datetime | None:
        """When the next thing is due in the rows."""
        row = self.world.bench.connection.execute(_DUE).fetchone()
        return row[0] - self.world.database_clock.offset if row and isinstance(row[0], datetime) else None

    def next_work(self) -> Callable[[], str] | None:
        """What waits for a person."""
        # Another act of a person's may have come after the one that ended all of them.
        if self._any(_HELD):
            return self.resume_all
        if self._any(_FOR_PEOPLE):
            return self.review_some_job
        if self._any(_FOR_RECOVER) and not any(step.message is None for step in self.world.stage.steps):
            return lambda: recover(self.world)
        return None

    def _any(self, query: LiteralString) -> bool:
        return self.world.bench.connection.execute(query).fetchone() is not None

    def review_some_job(self) -> str:
        """Settle a job that waits for a person, by what the console shows."""
        now, wake, effects = self.world.database_clock.now(), None, Effects()
        with self.world.context.sessions.begin() as session:
            job_id = session.scalars(text(_FOR_PEOPLE)).one()
            task_id = self._unbound_task(session, job_id)
            if is_quarantined(session.get_one(RenderJob, job_id)):
                wake, done = retry(session, job_id, now=now), "out of quarantine"
            elif task_id is not None:
                next_poll = adopt(session, job_id, task_id, now=now)
                effects = apply_found(session, job_id, task_id, self.world.context.settings, now=now)
                wake, done = wake_for(session, next_poll), f"adopted {task_id}"
            elif self.random.random() < 0.5:
                done = resubmit(session, job_id, now=now) or "resubmitted"
            else:
                done = write_off(session, job_id, now=now) or "written off"
        if wake is not None:
            self.world.context.hints.poll(wake, now=now)
        for to_fetch, model in effects.to_fetch:
            self.world.context.hints.archive(to_fetch, model)
        self.world.context.hints.dispatch()
        return f"job {job_id} is {done}"

    def _unbound_task(self, session: Session, job_id: UUID) -> str | None:
        """The job's own task, or one of a job that sent the very same: the two may have each other's."""
        known = set(session.scalars(select(ProviderTask.provider_task_id)))
        sent = select(Attempt.spec_sha256).where(Attempt.job_id == job_id)
        alike = session.scalars(select(Attempt.job_id).where(Attempt.spec_sha256.in_(sent)).order_by(Attempt.id))
        made = [one for each in dict.fromkeys([job_id, *alike]) for one in self.world.witness.tasks_by_job[each]]
        store = self.world.provider.provider.store.tasks
        return next((task_id for task_id in made if task_id not in known and store.get(task_id)), None)
