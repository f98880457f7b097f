"""What a rehearsal has shown, from the rows and from the simulator's bill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from embedded.rehearsal.simulate import Simulation
from models.operations.scheduling.render_times import RenderTimes, model_speeds, render_times
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from reelqueue.campaigns.plan.check_file import measured_eta
from reelqueue.campaigns.report.rehearsal import FailedClip, Rehearsal, RehearsedModel
from reelqueue.campaigns.report.summary import counted
from reelqueue.schemas.campaigns import Campaign as CampaignView
from reelqueue.schemas.campaigns import Phase
from reelqueue.states import FailureClass, RenderState
from simulator.core.profiles import slots_of

_REFUSED_MAX: Final = 100
_EVERY: Final = 1_000_000
"""Tasks that are measured: all."""


def findings(play: Simulation, view: CampaignView, *, wall_seconds: float) -> Rehearsal:
    """Everything that people ask about a campaign that has been played."""
    script, plan = play.script, play.script.plan.total
    play.stage.simulator.provider.settle()
    charges = play.stage.simulator.provider.store.ledger.charges()
    with play.stage.context.sessions() as session:
        ends = _ends(session)
        models = list(_models(session, play))
        whole = measured_eta(script.checked.plan, model_speeds(session, list(script.checked.plan.models)))
        refused = _refused(session)
    there = [(end - play.stage.clock.begin).total_seconds() for end in ends]
    return Rehearsal(
        campaign=view.name,
        clip_count=script.checked.plan.clip_count,
        bad_row_count=script.checked.log.bad_row_count,
        rehearsed_count=len(script.clips),
        counts=view.counts,
        stopped=None if view.phase is Phase.FINISHED else f"{view.phase}: {view.reason or 'it goes on no more'}",
        notes=[*play.notes, *_left_out(play)],
        makespan_seconds=there[-1] if there else 0.0,
        p50_seconds=_quantile(there, 0.5),
        p90_seconds=_quantile(there, 0.9),
        eta=whole,
        billed=sum((Decimal(charge.amount) for charge in charges if charge.amount is not None), Decimal(0)),
        billed_count=len(charges),
        plan_min=plan.min_amount,
        plan_max=plan.max_amount,
        currency=plan.currency,
        models=models,
        failures=view.failures,
        refused=refused,
        wall_seconds=wall_seconds,
    )


def _ends(session: Session) -> Sequence[datetime]:
    """When each file was on disk."""
    there = select(RenderJob.finished_at).where(RenderJob.state == RenderState.SUCCEEDED)
    return [at for at in session.scalars(there.order_by(RenderJob.finished_at)) if at is not None]


def _models(session: Session, play: Simulation) -> Iterator[RehearsedModel]:
    names = list(play.script.plan.models)
    times = render_times(session, names, latest=_EVERY)
    lasted = func.extract("epoch", ProviderTask.ended_at - ProviderTask.started_at)
    spans = (
        select(
            RenderJob.model,
            func.sum(lasted),
            func.extract("epoch", func.max(ProviderTask.ended_at) - func.min(ProviderTask.submitted_at)),
        )
        .join(ProviderTask, ProviderTask.job_id == RenderJob.id)
        .where(ProviderTask.ended_at.is_not(None))
        .group_by(RenderJob.model)
    )
    for model, busy_seconds, span_seconds in session.execute(spans.order_by(RenderJob.model)):
        slots = slots_of(model, play.stage.simulator.provider.config.limits)
        measured = times.get(model) or RenderTimes(0, 0.0, 0.0, 0.0, 0.0)
        yield RehearsedModel(
            model=model,
            clip_count=measured.count,
            slots=slots,
            busy_share=float(busy_seconds or 0) / max(float(span_seconds or 0) * slots, 1.0),
            p50_seconds=measured.p50_seconds,
            p90_seconds=measured.p90_seconds,
        )


def _refused(session: Session) -> list[FailedClip]:
    wrong = select(RenderJob.custom_id, RenderJob.clip_line, RenderJob.failure_message).where(
        RenderJob.state == RenderState.FAILED, RenderJob.failure_class == FailureClass.INPUT
    )
    rows = session.execute(wrong.order_by(RenderJob.clip_line).limit(_REFUSED_MAX))
    return [FailedClip(custom_id=custom_id, line=line, message=message) for custom_id, line, message in rows]


def _left_out(play: Simulation) -> Iterator[str]:
    script = play.script
    if script.checked.log.bad_row_count:
        yield f"left out, as they cannot be rendered: {counted(script.checked.log.bad_row_count, 'row')}"
    if len(script.clips) < script.checked.plan.clip_count:
        yield "a part of the file was played, spread over it; the ETA is for all of it"
    if script.options.run_at is not None:
        yield f"time begins at {play.stage.clock.begin.isoformat(timespec='minutes')}, as run_at says"
    yield "render times are drawn: 60 to 300 s, one clip in fifty up to 720 s; moderation cannot be foreseen"


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None
