"""Results of a rehearsal, as JSON and as text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pydantic import Field

from reelqueue.campaigns.plan.eta import Eta
from reelqueue.schemas.campaigns import FailureGroup
from reelqueue.schemas.jobs import Money, Wire
from reelqueue.states import RenderState

_FAILED_MAX: Final = 10


class RehearsedModel(Wire):
    """How the slots of one model were used."""

    model: str
    clip_count: int = Field(description="Tasks that it rendered.")
    slots: int
    busy_share: float = Field(description="Of its slots' time, from its first submit to its last end.")
    p50_seconds: float = Field(description="Half of the tasks rendered for less.")
    p90_seconds: float = Field(description="Nine of ten did.")


class FailedClip(Wire):
    """A row that the provider would refuse."""

    custom_id: str | None
    line: int | None = Field(description="Of the campaign file.")
    message: str | None


class Rehearsal(Wire):
    """How a campaign would go; times in seconds of the provider."""

    campaign: str
    clip_count: int = Field(description="Good clips of the file.")
    bad_row_count: int = Field(description="Rows that cannot be rendered; they were left out.")
    rehearsed_count: int = Field(description="Clips that were played: all, or a part spread over the file.")
    counts: dict[RenderState, int] = Field(description="Their states at the end.")
    stopped: str | None = Field(description="Why it did not come to its end.")
    notes: list[str] = Field(description="What was done in a person's place, and what was left out.")
    makespan_seconds: float = Field(description="From the first submit to the last file on disk.")
    p50_seconds: float | None = Field(description="Half of the files were there.")
    p90_seconds: float | None = Field(description="Nine of ten were.")
    eta: Eta | None = Field(description="For the whole file, from the render times that were drawn.")
    billed: Money = Field(description="What the simulator charged.")
    billed_count: int = Field(description="Tasks that it charged.")
    plan_min: Money = Field(description="Least that the rehearsed clips may cost.")
    plan_max: Money = Field(description="Most that they may cost.")
    currency: str | None = Field(description="ISO 4217 code; null: no price is published.")
    models: list[RehearsedModel]
    failures: list[FailureGroup] = Field(description="Ends without a video by class and code.")
    refused: list[FailedClip] = Field(description="The first rows that the provider would not take as they are.")
    wall_seconds: float = Field(description="How long the rehearsal itself took.")


def rehearsal_lines(rehearsal: Rehearsal) -> Iterator[str]:
    """A rehearsal in words."""
    told = f"{rehearsal.rehearsed_count} of {rehearsal.clip_count}" if _is_part(rehearsal) else rehearsal.clip_count
    yield f"rehearsal of {rehearsal.campaign}: {told} clips played in {rehearsal.wall_seconds:.0f} s, nothing paid"
    yield f"  makespan  {_span(rehearsal.makespan_seconds)}{_there(rehearsal)}"
    if rehearsal.eta is not None:
        eta, whose = rehearsal.eta, "the whole file" if _is_part(rehearsal) else "the plan's formula"
        yield f"  eta       {whose}: {_span(eta.p50_seconds)}, nine times in ten at most {_span(eta.p90_seconds)}"
    if rehearsal.currency is not None:
        planned = f"{rehearsal.plan_min:,.2f} to {rehearsal.plan_max:,.2f}"
        yield f"  cost      {rehearsal.billed:,.2f} {rehearsal.currency} for {rehearsal.billed_count} (plan: {planned})"
    for model in rehearsal.models:
        times = f"half of the clips rendered in {_span(model.p50_seconds)}, nine of ten in {_span(model.p90_seconds)}"
        yield f"  slots     {model.model}: {model.slots}, busy {model.busy_share:.1%}; {times}"
    yield f"  ended     {', '.join(f'{count} {state}' for state, count in rehearsal.counts.items())}"
    yield from (f"  failed    {line}" for line in _failed(rehearsal))
    if rehearsal.stopped is not None:
        yield f"  stopped   {rehearsal.stopped}"
    yield from (f"  note      {note}" for note in rehearsal.notes)


def _is_part(rehearsal: Rehearsal) -> bool:
    return rehearsal.rehearsed_count < rehearsal.clip_count


def _there(rehearsal: Rehearsal) -> str:
    if rehearsal.p50_seconds is None or rehearsal.p90_seconds is None:
        return ""
    half, nearly_all = _span(rehearsal.p50_seconds), _span(rehearsal.p90_seconds)
    return f"; half of the files were there after {half}, nine of ten after {nearly_all}"


def _failed(rehearsal: Rehearsal) -> Iterator[str]:
    for group in rehearsal.failures:
        kind = "/".join(str(word) for word in (group.failure_class, group.code) if word)
        yield f"{group.count} {group.state} ({kind or 'no reason given'})"
    for clip in rehearsal.refused[:_FAILED_MAX]:
        where = f", line {clip.line}" if clip.line is not None else ""
        yield f"{clip.custom_id}{where}: {clip.message}"


def _span(seconds: float) -> str:
    """``3:12:05``, as people read times."""
    return str(timedelta(seconds=round(seconds)))
