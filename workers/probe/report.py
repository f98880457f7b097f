"""What the probe prints, at 80 columns."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from models.campaign import Campaign
from reelqueue.schemas.statement import money_text
from reelqueue.states import RenderState
from workers.probe.paid.plan import Plan
from workers.probe.questions import Finding, Question, Verdict, verdict
from workers.probe.run import FREE, Rendered

COLUMNS: Final = 80
_VERDICT_COLUMNS: Final = 9
_ORDER: Final = (Verdict.DIFFERS, Verdict.NEW, Verdict.SAME, Verdict.OPEN)


def plan_lines(plan: Plan) -> Iterator[str]:
    """The steps with their costs, before anything is sent."""
    yield from _wrapped("free", f"{len(FREE)} questions; some 30 calls that cost nothing")
    for one in plan.steps:
        if one.most is None:
            cost, why = "no price", " (left out: no price is known in this region)"
        else:
            cost = money_text(one.most)
            why = "" if one.is_paid_for else f" (left out: {money_text(plan.amount)} {plan.currency} do not pay for it)"
        yield from _wrapped(cost, f"{one.count} x {one.step.request.model}: {one.step.shows}{why}")
    yield from _wrapped(money_text(plan.most), f"{plan.currency} at most, of {money_text(plan.amount)}")


def finding_lines(questions: Iterable[Question], findings: Mapping[str, Finding]) -> Iterator[str]:
    """Every answer beside what the simulator assumes: what differs first, what is open last."""
    judged = [(verdict(question, findings[question.id]), question) for question in questions]
    for kind in _ORDER:
        for question in (question for found, question in judged if found is kind):
            yield from _finding(kind, question, findings[question.id])
    counts = Counter(kind for kind, _ in judged)
    yield ", ".join(f"{counts[kind]} {kind.value}" for kind in _ORDER)


def _finding(kind: Verdict, question: Question, finding: Finding) -> Iterator[str]:
    said = finding.reason if finding.answer is None else finding.answer
    yield from _wrapped(kind.value, f"{question.id}: {question.asks}: {said}")
    if kind is Verdict.DIFFERS:
        yield from _wrapped("", f"the simulator: {question.assumed}")
        yield from _wrapped("", f"the page: {question.page}")


def rendered_lines(rendered: Rendered, spent: Decimal, campaign: Campaign) -> Iterator[str]:
    """What the renders cost, and what is left for workers or a person."""
    states = Counter(clip.state for clip in rendered.clips)
    ended = ", ".join(f"{count} {state.value}" for state, count in sorted(states.items()))
    yield from _wrapped("spent", f"{money_text(spent)} {campaign.budget_currency} in campaign {rendered.campaign!r}: "
                        f"{ended}")  # fmt: skip
    if states[RenderState.NEEDS_REVIEW] or states[RenderState.SUBMITTING]:
        yield from _wrapped("review", "an answer was lost; nothing is submitted again: python -m workers review list")


def _wrapped(head: str, text: str) -> list[str]:
    first, rest = f"{head:<{_VERDICT_COLUMNS}}", " " * _VERDICT_COLUMNS
    if len(head) >= _VERDICT_COLUMNS:
        first = f"{head} "
    return textwrap.wrap(text, COLUMNS, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
