"""How a task will end."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from simulator.admission import Order
from simulator.config import SimulatorConfig
from simulator.errors import TaskFailure
from simulator.markers import Markers, read_markers
from simulator.rendition import Rendition, plan_rendition
from simulator.tasks import Outcome

_TIMEOUT = TaskFailure(
    "InternalError.Timeout", "An internal timeout error has occurred during execution, please try again later."
)


def decide(order: Order, config: SimulatorConfig, random: Random) -> Outcome:
    """The end of an order's task: bad parameters fail early, markers choose, all else becomes a video."""
    prompt = order.body["input"].get("prompt")
    markers = read_markers(prompt if isinstance(prompt, str) else "")
    outcome = _decide(order, markers, config, random)
    return replace(outcome, queue_seconds=markers.queue_seconds or 0.0)


def _decide(order: Order, markers: Markers, config: SimulatorConfig, random: Random) -> Outcome:
    try:
        rendition = plan_rendition(order)
    except TaskFailure as failure:
        times = config.run_times
        return _failed(failure, random.uniform(times.failure_minimum_seconds, times.failure_maximum_seconds))
    return _rendered(rendition, markers, config, random)


def _rendered(rendition: Rendition, markers: Markers, config: SimulatorConfig, random: Random) -> Outcome:
    run_seconds = _run_seconds(config, random) if markers.run_seconds is None else markers.run_seconds
    if markers.never_ends or run_seconds >= config.lifetimes.run_limit_seconds:
        return _failed(_TIMEOUT, config.lifetimes.run_limit_seconds)
    if markers.failure is not None:
        return _failed(markers.failure, run_seconds)
    return Outcome(run_seconds, clip=rendition.clip, usage=rendition.usage)


def _failed(failure: TaskFailure, run_seconds: float) -> Outcome:
    return Outcome(run_seconds, code=failure.code or None, message=failure.message or None)


def _run_seconds(config: SimulatorConfig, random: Random) -> float:
    times = config.run_times
    if random.random() < times.tail_share:
        return random.uniform(times.maximum_seconds, max(times.maximum_seconds, times.tail_seconds))
    return random.uniform(times.minimum_seconds, times.maximum_seconds)
