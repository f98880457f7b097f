"""Asking every question, and what a lost answer or a stopped run leaves open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from workers.dashscope import ProviderError
from workers.probe.free import catalogs, listings, service
from workers.probe.lab import Lab
from workers.probe.paid import generations, slots, tasks
from workers.probe.paid.plan import FIRST, SLOTS, Plan, Planned
from workers.probe.paid.renders import Clip, Renders
from workers.probe.questions import Question

FREE: Final = (*service.QUESTIONS, *listings.QUESTIONS, *catalogs.QUESTIONS)
PAID: Final = (*tasks.QUESTIONS, *slots.QUESTIONS, *generations.QUESTIONS)
QUESTIONS: Final = (*FREE, *PAID)

_ASKED: Final[tuple[tuple[tuple[Question, ...], Callable[[Lab], None]], ...]] = (
    (service.QUESTIONS, service.ask),
    (listings.QUESTIONS, listings.ask),
    (catalogs.QUESTIONS, catalogs.ask),
)


@dataclass(frozen=True)
class Rendered:
    """What the paid steps did."""

    campaign: str
    clips: tuple[Clip, ...]
    most: Decimal


def ask_free(lab: Lab) -> None:
    """Ask everything that costs nothing; a question without an answer says why."""
    for questions, ask in _ASKED:
        try:
            ask(lab)
        except ProviderError as error:
            lab.miss(f"no answer came: {error.summary}", *(question.id for question in questions))
        lab.miss("its answer lacks it", *(question.id for question in questions))


def ask_paid(lab: Lab, plan: Plan) -> Rendered | None:
    """Render what the plan pays for, one step after the other; None: nothing."""
    paid = None
    if plan.taken:
        renders = Renders(lab, plan.amount, plan.currency)
        try:
            clips = [clip for planned in plan.taken for clip in _step(lab, renders, planned)]
        finally:
            renders.close()
        paid = Rendered(renders.campaign, tuple(clips), plan.most)
    lab.miss("nothing was rendered for it: the amount does not pay for its step", *(one.id for one in PAID))
    return paid


def _step(lab: Lab, renders: Renders, planned: Planned) -> list[Clip]:
    lab.say(f"rendering: {planned.step.shows}; at most {planned.most} {planned.currency}")
    try:
        if planned.step.id == FIRST:
            return tasks.ask(lab, renders, planned.step)
        if planned.step.id == SLOTS:
            return slots.ask(lab, renders, planned)
        return generations.ask(lab, renders, planned.step)
    except ProviderError as error:
        lab.say(f"  no answer came: {error.summary}")
        return []
