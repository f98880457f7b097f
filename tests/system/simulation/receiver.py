"""A receiver of webhooks, which takes some, refuses some, and dies over some; what it has read it remembers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Final
from uuid import UUID

import httpx
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from models import JobEvent, WebhookDelivery
from models.operations.webhooks.endpoints import derive_secret, make_endpoint
from models.tenant import ensure_tenant
from reelqueue.states import TERMINAL
from reelqueue.webhooks import EXPIRING_KIND, DeliveryState, kind_of, verify
from tests.support.virtual_clock import SteppedClock
from tests.system.simulation.network import NEVER_SECONDS
from tests.system.simulation.stage import Stage

WEBHOOK_KEY: Final = SecretStr("what the secrets of webhooks are derived from here")
_LATE_SECONDS: Final = 300.0
URL: Final = "https://receiver.example/hook"


@dataclass
class Receiver:
    """One endpoint of the only tenant."""

    stage: Stage
    clock: SteppedClock
    """By which messages are signed."""
    random: Random
    endpoint_id: UUID
    ids: defaultdict[tuple[UUID | None, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """Under which ids each event came."""

    async def take(self, request: httpx.Request) -> int:
        """The status that it answers with; nothing is believed that is not signed."""
        secret = derive_secret(WEBHOOK_KEY, self.endpoint_id).get_secret_value()
        headers = dict(request.headers.items())
        # Who was frozen between the signature and the post comes too late, which is nothing that is broken.
        signed_seconds = float(headers["webhook-timestamp"])
        event = verify(await request.aread(), headers, secret, now_seconds=signed_seconds)
        if self.clock.now().timestamp() - signed_seconds > _LATE_SECONDS:
            return 401
        if self.random.random() < 0.1:
            return 500
        self.ids[event.data.job_id, event.type].add(event.id)
        return 204

    def problems(self, sessions: sessionmaker[Session]) -> Iterator[str]:
        """What it was not told, or told twice as if it were new, or told though it never happened."""
        ends = select(JobEvent.job_id, JobEvent.to_state).where(JobEvent.to_state.in_(TERMINAL))
        alarms = select(JobEvent.job_id).where(JobEvent.kind == "result_expiring")
        with sessions() as session:
            happened = {(job_id, kind_of(state)) for job_id, state in session.execute(ends) if state}
            happened |= {(job_id, EXPIRING_KIND) for job_id in session.scalars(alarms)}
            states = session.scalars(select(WebhookDelivery.state)).all()
        yield from (f"nobody was told of {kind} of job {job_id}" for job_id, kind in happened - self.ids.keys())
        yield from (f"{kind} of job {job_id} was told and never was" for job_id, kind in self.ids.keys() - happened)
        yield from (f"{event} was told under {len(ids)} ids" for event, ids in self.ids.items() if len(ids) > 1)
        yield from (f"a delivery is {state}" for state in states if state is not DeliveryState.DELIVERED)


class ReceiverWire(httpx.AsyncBaseTransport):
    """What webhooks are posted through."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange; the receiver may have read what its answer never comes back for."""
        stage, random = self._receiver.stage, self._receiver.random
        stage.point("posting")
        await asyncio.sleep(random.uniform(0.001, 0.1))
        if random.random() < 0.05:
            raise httpx.ConnectError("refused", request=request)
        status = await self._receiver.take(request)
        stage.point("told")
        await asyncio.sleep(random.choices([random.uniform(0.001, 0.1), NEVER_SECONDS], [20, 1])[0])
        return httpx.Response(status, request=request)


def make_receiver(sessions: sessionmaker[Session], stage: Stage, clock: SteppedClock, random: Random) -> Receiver:
    """A receiver with its endpoint, which is older than anything that the audit could doubt."""
    with sessions.begin() as session:
        since = clock.now() - timedelta(hours=2)
        endpoint, _ = make_endpoint(session, ensure_tenant(session), URL, WEBHOOK_KEY, now=since)
        return Receiver(stage, clock, random, endpoint.id)
