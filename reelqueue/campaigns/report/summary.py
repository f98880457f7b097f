"""Show the plan and the problems of a campaign file, as JSON and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from reelqueue.campaigns.plan.cost_plan import ModelPlan, Plan
from reelqueue.campaigns.plan.eta import Eta
from reelqueue.campaigns.problem import Problem
from reelqueue.campaigns.problem_log import Group, ProblemLog


def plan_object(plan: Plan, eta: Eta | None) -> dict[str, Any]:
    """A plan as JSON has it; amounts are strings, as JSON numbers would become binary fractions."""
    return {
        "clips": plan.clip_count,
        "to_buy": plan.buy_count,
        **{str(change): count for change, count in plan.counts.items()},
        "going_back": {"clips": plan.undone_count, "custom_ids": [one.custom_id for one in plan.undone]},
        "region": plan.region,
        "models": [_model_object(part) for part in plan.models.values()],
        "total": _model_object(plan.total),
        "warnings": [asdict(warning) for warning in plan.warnings],
        "eta": asdict(eta) if eta else None,
    }


def problems_object(log: ProblemLog) -> dict[str, Any]:
    """What is wrong, as JSON has it: counts, and each kind of problem with its first."""
    return {
        "rows": log.row_count,
        "bad_rows": log.bad_row_count,
        "errors": log.error_count,
        "warnings": log.warning_count,
        "unlisted": log.unlisted_count,
        "problems": [
            {"count": group.count, "lines": group.lines, **problem_object(group.first)} for group in log.groups
        ],
    }


def problem_object(problem: Problem) -> dict[str, Any]:
    """One problem as JSON has it."""
    return {name: value for name, value in asdict(problem).items() if name != "is_shared"}


def problem_lines(groups: Iterable[Group], *, most: int) -> Iterator[str]:
    """What is wrong in words: equal problems once, with the lines of the first few."""
    listed = list(groups)
    for group in listed[:most]:
        problem = group.first
        yield f"{problem.severity}: {_where(group)}: {problem.message}"
        yield f"    {problem.remedy}"
    if len(listed) > most:
        yield f"... and {len(listed) - most} more kinds of problem"


def verdict(log: ProblemLog) -> str:
    """One sentence on the whole file."""
    if log.file_error_count:
        return f"the file itself has {counted(log.file_error_count, 'error')}; nothing of it can be applied"
    if log.bad_row_count:
        return f"{log.bad_row_count} of {counted(log.row_count, 'row')} cannot be rendered"
    return f"{counted(log.row_count, 'row')}, no errors" + (
        f", {counted(log.warning_count, 'warning')}" if log.warning_count else ""
    )


def _where(group: Group) -> str:
    first = group.first
    letter = f", column {first.letter}" if first.letter else ""
    if group.count == 1 or not group.lines:
        return first.place
    lines = ", ".join(map(str, group.lines))
    more = group.count - len(group.lines)
    shown = f"{lines} and {more} more" if more > 0 else lines
    return f"{first.file}{letter}, lines {shown}"


def counted(count: int, noun: str) -> str:
    """A number with its noun, which is plural unless there is one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _model_object(part: ModelPlan) -> dict[str, Any]:
    return {
        "model": part.model,
        "clips": part.clip_count,
        "unpriced": part.unpriced_count,
        "min_amount": str(part.min_amount),
        "max_amount": str(part.max_amount),
        "currency": part.currency,
        "billed_seconds_min": part.billed_seconds_min,
        "billed_seconds_max": part.billed_seconds_max,
        "priced_on": part.priced_on and part.priced_on.isoformat(),
        "source": part.source,
    }
