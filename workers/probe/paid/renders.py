"""The probe's paid renders: jobs in a campaign of their own, whose budget is the most that the probe may cost.

They go through the same dispatch, submission, polling and archive as every job, so a lost answer leaves a job under
review, and is never a reason to submit again: the campaign holds what is ambiguous, and what is refused is cancelled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from models.asset import Asset, AssetKind
from models.base import new_id
from models.campaign import Campaign, OnAmbiguous
from models.operations.jobs.cancel import request_cancel
from models.operations.jobs.enqueue import enqueue_render_job
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.tenant import ensure_tenant
from reelqueue.requests.base import RenderRequest
from reelqueue.states import TERMINAL, UNSENT, RenderState, TaskStatus
from workers.dashscope import ProviderError
from workers.probe.lab import Heard, Lab, Seen
from workers.probe.paid.own_hints import OwnHints
from workers.runtime.context import Context
from workers.submission.submit import submit_render_job
from workers.sweep.sweep import sweep

_SWEEP_SECONDS: Final = 20.0
"""Only what went wrong waits for it: each step hints at the next."""
_LONGEST_SECONDS: Final = 40 * 60.0
"""A render may wait for a slot, and takes 12 minutes at most by the provider's samples."""
_UNSENT_SECONDS: Final = 120.0
"""After which a job that is not submitted is given up: a gate is closed, a cap is reached, or workers are busy."""
_QUICK_SECONDS: Final = 60.0
_QUICK_LOOK_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 10.0
"""Between two looks at first, and later: what happens soon is of interest to the second."""
_ENDED: Final = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.UNKNOWN})


@dataclass(frozen=True)
class Sighting:
    """A task's answer at a time, in seconds of this host."""

    seen: Seen
    at_seconds: float

    @property
    def status(self) -> object:
        """The provider's word."""
        return self.seen.output.get("task_status")


@dataclass
class Clip:
    """One job of the probe's, and what was seen of it."""

    job_id: UUID
    request: RenderRequest
    submit: Heard | None = None
    """None: the answer was lost, or other workers got it."""
    task_id: str | None = None
    sightings: list[Sighting] = field(default_factory=list)
    state: RenderState = RenderState.QUEUED

    @property
    def answer(self) -> Seen | None:
        """The answer to its submit."""
        return Seen.of(self.submit.exchange.answer) if self.submit else None

    @property
    def is_refused(self) -> bool:
        """Whether its submit was refused."""
        return self.answer is not None and self.answer.status >= 400

    @property
    def has_had_its_submit(self) -> bool:
        """Whether another would be its second."""
        return self.is_refused or self.task_id is not None

    @property
    def last(self) -> Seen | None:
        """The newest answer about its task."""
        return self.sightings[-1].seen if self.sightings else None

    @property
    def status(self) -> object:
        """Its task's newest status."""
        return self.sightings[-1].status if self.sightings else None

    @property
    def is_watched(self) -> bool:
        """Whether its task has not ended."""
        return self.task_id is not None and self.status not in _ENDED


Meanwhile = Callable[[list[Clip]], object]
"""Called between two looks, while clips render."""


class Renders:
    """Enqueues jobs and does for them what workers would, until they have ended."""

    def __init__(self, lab: Lab, amount: Decimal, currency: str) -> None:
        context = lab.context
        self._lab = lab
        self._heard_of: dict[UUID, Heard] = {}
        self._hints = OwnHints(context.host, context.hints, self._submit)
        self._context = replace(context, hints=self._hints)
        self._swept_at = context.host.seconds()
        self.clips: list[Clip] = []
        """All that were enqueued."""
        self.campaign_id, self.campaign = self._reserve(amount, currency)

    def _reserve(self, amount: Decimal, currency: str) -> tuple[UUID, str]:
        """A campaign that may spend so much and no more, before anything is sent."""
        with self._context.sessions.begin() as session:
            now, campaign_id = self._context.clock.now(session), new_id()
            name = f"probe {now:%Y-%m-%d %H:%M:%S} {campaign_id.hex[-4:]}"
            session.add(
                Campaign(
                    id=campaign_id,
                    tenant_id=ensure_tenant(session),
                    name=name,
                    on_ambiguous=OnAmbiguous.HOLD,
                    budget_amount=amount,
                    budget_currency=currency,
                )
            )
        return campaign_id, name

    def follow(self, request: RenderRequest, count: int, meanwhile: Meanwhile) -> list[Clip]:
        """Render a request so many times, and watch until every job has ended or is given up."""
        host = self._context.host
        clips = self._enqueue(request, count)
        self.clips += clips
        began = host.seconds()
        while True:
            self._work()
            self._refresh(clips)
            self._look(clips)
            meanwhile(clips)
            gone = host.seconds() - began
            self._give_up(clips, is_late=gone > _UNSENT_SECONDS)
            if gone > _LONGEST_SECONDS or all(_is_over(clip) for clip in clips):
                return clips
            host.sleep(_QUICK_LOOK_SECONDS if gone < _QUICK_SECONDS else _LOOK_SECONDS)

    def _enqueue(self, request: RenderRequest, count: int) -> list[Clip]:
        with self._context.sessions.begin() as session:
            now, tenant_id = self._context.clock.now(session), ensure_tenant(session)
            owner: dict[str, Any] = {"tenant_id": tenant_id, "campaign_id": self.campaign_id}
            clips = [Clip(enqueue_render_job(session, request, now=now, **owner).job_id, request) for _ in range(count)]
        self._hints.jobs.update(clip.job_id for clip in clips)
        self._hints.dispatch()
        return clips

    def _submit(self, context: Context, job_id: UUID, epoch: int) -> None:
        before = len(self._lab.heard)
        submit_render_job(context, job_id, epoch)
        posts = (one for one in self._lab.heard[before:] if one.exchange.method == "POST")
        if (heard := next(posts, None)) is not None:
            self._heard_of[job_id] = heard

    def _work(self) -> None:
        now = self._context.host.seconds()
        if now - self._swept_at >= _SWEEP_SECONDS:
            self._swept_at = now
            sweep(self._context)
        self._hints.take_steps(self._context)

    def _refresh(self, clips: list[Clip]) -> None:
        by_id = {clip.job_id: clip for clip in clips}
        mine = (
            select(RenderJob.id, RenderJob.state, ProviderTask.provider_task_id)
            .outerjoin(ProviderTask, ProviderTask.job_id == RenderJob.id)
            .where(RenderJob.id.in_(by_id))
        )
        with self._context.sessions() as session:
            for job_id, state, task_id in session.execute(mine):
                clip = by_id[job_id]
                clip.state, clip.task_id = state, task_id or clip.task_id
                clip.submit = self._heard_of.get(job_id)

    def _look(self, clips: list[Clip]) -> None:
        for clip in clips:
            if clip.is_watched:
                with contextlib.suppress(ProviderError):  # it is asked again
                    seen = self._lab.look(f"/api/v1/tasks/{clip.task_id}")
                    clip.sightings.append(Sighting(seen, self._context.host.seconds()))

    def _give_up(self, clips: list[Clip], *, is_late: bool) -> None:
        """Cancel what is not sent and should not be: what waits too long, and what was refused or has failed once."""
        unsent = [clip for clip in clips if clip.state in UNSENT]
        self._cancel([clip.job_id for clip in unsent if is_late or clip.has_had_its_submit])

    def _cancel(self, job_ids: Collection[UUID]) -> None:
        if not job_ids:
            return
        with self._context.sessions.begin() as session:
            now = self._context.clock.now(session)
            for job_id in job_ids:
                request_cancel(session, job_id, now=now)

    def close(self) -> None:
        """Cancel what was not sent; workers follow what was."""
        mine = select(RenderJob.id).where(RenderJob.campaign_id == self.campaign_id, RenderJob.state.in_(UNSENT))
        with self._context.sessions() as session:
            unsent = session.scalars(mine).all()
        self._cancel(unsent)

    def file_of(self, clip: Clip) -> tuple[Asset, bytes] | None:
        """A clip's archived file; None if there is none."""
        mine = select(Asset).where(Asset.job_id == clip.job_id, Asset.kind == AssetKind.VIDEO)
        with self._context.sessions() as session:
            asset = session.scalars(mine).one_or_none()
        return None if asset is None else (asset, b"".join(self._context.archive.open(asset.path)))


def _is_over(clip: Clip) -> bool:
    return clip.state in TERMINAL or clip.state is RenderState.NEEDS_REVIEW
