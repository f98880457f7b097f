"""Asking every question, and what a lost answer or a stopped run leaves open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from workers.dashscope import ProviderError
from workers.probe.free import catalogs, listings, service
from workers.probe.lab import Lab
from workers.probe.paid import generations, slots, tasks
from workers.probe.paid.plan import FIRST, SLOTS, Plan, Planned
from workers.probe.paid.renders import Clip, Renders
from workers.probe.questions import Question

log = structlog.get_logger(__name__)

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


def ask_free(lab: Lab) -> None:
    """Ask everything that costs nothing; a question without an answer says why."""
    for questions, ask in _ASKED:
        ids = tuple(question.id for question in questions)
        try:
            ask(lab)
        except ProviderError as error:
            lab.miss(f"no answer came: {error.summary}", *ids)
        except Exception as error:  # an answer of a kind that no one has foreseen must not hide the others
            log.exception("probe.not_understood", questions=ids)
            lab.miss(f"an answer was not understood: {type(error).__name__}", *ids)
        lab.miss("its answer lacks it", *ids)


def ask_paid(lab: Lab, plan: Plan) -> Rendered | None:
    """Render what the plan pays for, one step after the other; None: nothing."""
    paid = None
    if plan.taken:
        renders = Renders(lab, plan.amount, plan.currency)
        try:
            for planned in plan.taken:
                _take(lab, renders, planned)
        except KeyboardInterrupt:
            lab.say("stopped: what was not sent is cancelled")
        finally:
            renders.close()
        paid = Rendered(renders.campaign, tuple(renders.clips))
    lab.miss("nothing was rendered for it: the amount does not pay for its step", *(one.id for one in PAID))
    return paid


def _take(lab: Lab, renders: Renders, planned: Planned) -> None:
    lab.say(f"rendering: {planned.step.shows}; at most {planned.most} {planned.currency}")
    try:
        _ask_of(planned)(lab, renders, planned)
    except ProviderError as error:
        lab.say(f"  no answer came: {error.summary}")
    except Exception as error:  # what was paid for is reported all the same, and the next step is another question
        log.exception("probe.not_understood", step=planned.step.id)
        lab.say(f"  an answer was not understood: {type(error).__name__}")


def _ask_of(planned: Planned) -> Callable[[Lab, Renders, Planned], None]:
    return {FIRST: tasks.ask, SLOTS: slots.ask}.get(planned.step.id, generations.ask)
