"""What the service checks before it accepts a submit, in its order.

Only these checks answer at once. Everything about parameters is found out inside the task (see
`simulator.validation`), which is why a task id is no promise that the parameters were good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reelqueue.catalog import ModelSpec
from simulator.config import SimulatorConfig
from simulator.core.profiles import find_model, path_group
from simulator.errors import WireError


def throttled() -> WireError:
    """The refusal of a call that comes too soon after others."""
    return WireError(429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.")


@dataclass(frozen=True, slots=True)
class Order:
    """A submit as it arrived, with a valid key and readable JSON."""

    account: str
    request_id: str
    path_group: str
    """``video-generation`` or ``image2video``."""
    body: Mapping[str, Any]
    is_async: bool
    """The caller sent ``X-DashScope-Async: enable``."""
    resolves_oss: bool = False
    """The caller sent ``X-DashScope-OssResourceResolve: enable``."""


def admit(order: Order, config: SimulatorConfig) -> ModelSpec:
    """The order's model.

    Raises:
        WireError: The service would refuse the call.
    """
    model = order.body.get("model")
    if not model or not isinstance(model, str):
        raise WireError(400, "BadRequest.EmptyModel", 'Required parameter "model" missing from request.')
    if not order.is_async:
        raise WireError(403, "AccessDenied", "current user api does not support synchronous calls.")
    spec = find_model(model, config)
    if spec is None:
        raise WireError(400, "InvalidParameter", "Model not exist.")
    if path_group(spec) != order.path_group:
        raise WireError(400, "InvalidParameter", "url error, please check url!")
    if not isinstance(order.body.get("input"), dict):
        raise WireError(400, "BadRequest.EmptyInput", "Required input parameter missing from request.")
    if config.is_in_arrears:
        raise WireError(400, "Arrearage", "Access denied, please make sure your account is in good standing.")
    return spec
