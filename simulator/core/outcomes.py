"""How a task will end: decided when it is submitted, seen when its time is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from reelqueue.catalog import ModelSpec
from simulator.config import SimulatorConfig
from simulator.core.prompt_directives import Markers, read_markers
from simulator.core.usage import shows_rewritten_prompt, usage_of
from simulator.core.video_plan import plan_rendition
from simulator.errors import TaskFailure
from simulator.references import references_of
from simulator.store.media import MediaTable
from simulator.tasks import Outcome
from simulator.validation.addresses import Sender, check_addresses
from simulator.validation.media import check_input
from simulator.validation.parameters import check_parameters, refuse

_TIMEOUT: Final = TaskFailure(
    "InternalError.Timeout", "An internal timeout error has occurred during execution, please try again later."
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision looks at."""

    body: Mapping[str, Any]
    spec: ModelSpec
    sender: Sender
    media: MediaTable
    config: SimulatorConfig
    random: Random


def decide(case: Decision) -> Outcome:
    """The end of a task: bad parameters fail early, markers choose, all else becomes a video."""
    prompt = case.body["input"].get("prompt")
    markers = read_markers(prompt if isinstance(prompt, str) else "")
    try:
        outcome = _render(case, markers)
    except TaskFailure as failure:
        times = case.config.run_times
        seconds = case.random.uniform(times.failure_minimum_seconds, times.failure_maximum_seconds)
        outcome = _failed(failure, seconds)
    return replace(outcome, queue_seconds=markers.queue_seconds or 0.0)


def _render(case: Decision, markers: Markers) -> Outcome:
    rendered = _check(case)
    limit_seconds = case.config.lifetimes.run_limit_seconds
    run_seconds = _run_seconds(case) if markers.run_seconds is None else markers.run_seconds
    if markers.never_ends or run_seconds >= limit_seconds:
        return _failed(_TIMEOUT, limit_seconds)
    if markers.failure is not None:
        return _failed(markers.failure, run_seconds)
    return replace(rendered, run_seconds=run_seconds)


def _check(case: Decision) -> Outcome:
    """The video that valid parameters describe.

    Raises:
        TaskFailure: They are not what the model takes.
    """
    source, parameters = case.body["input"], case.body.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise refuse("Input should be a valid dictionary: parameters")
    references = references_of(case.body)
    check_input(source, case.spec, references)
    has_reference_video = any(reference.role == "reference_video" for reference in references)
    check_parameters(parameters, case.spec, has_reference_video=has_reference_video)
    check_addresses(source, case.spec, references, case.sender, case.media)
    rendition = plan_rendition(parameters, case.spec, references, case.config.assumed_input_seconds)
    is_rewritten = shows_rewritten_prompt(case.spec, source, parameters)
    return Outcome(
        run_seconds=0.0,
        clip=rendition.clip,
        usage=usage_of(rendition, case.spec),
        tier=rendition.tier,
        actual_prompt=f"{source['prompt']} Even light, natural colours, a steady camera." if is_rewritten else None,
    )


def _failed(failure: TaskFailure, run_seconds: float) -> Outcome:
    return Outcome(run_seconds, code=failure.code or None, message=failure.message or None)


def _run_seconds(case: Decision) -> float:
    times, random = case.config.run_times, case.random
    if random.random() < times.tail_share:
        return random.uniform(times.maximum_seconds, max(times.maximum_seconds, times.tail_seconds))
    return random.uniform(times.minimum_seconds, times.maximum_seconds)
