from __future__ import annotations

import pickle
from uuid import UUID

import pytest

from reelqueue import errors
from reelqueue.states import RenderState, TextState

JOB = UUID("018f0000-0000-7000-8000-000000000000")
ARGUMENTS: dict[str, tuple[object, ...]] = {
    "InvalidRequestError": ("out_of_range", "duration: ...", "duration"),
    "ApiError": (500, "internal", "broke"),
    "AuthenticationError": (401, "unauthenticated", "no key"),
    "NotFoundError": (404, "not_found", "no such job"),
    "ConflictError": (409, "conflict", "another request"),
    "WaitTimeoutError": (JOB, 3.0, "text job"),
    "RenderJobError": (JOB, RenderState.FAILED, "refused", "InvalidParameter"),
    "TextJobError": (JOB, TextState.FAILED, "refused", "data_inspection_failed"),
}
CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.ReelqueueError)
]


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_survives_the_journey_between_processes(kind: type[errors.ReelqueueError]) -> None:
    error = kind(*ARGUMENTS.get(kind.__name__, ("message",)))

    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes

    assert type(arrived) is kind
    assert vars(arrived) == vars(error)
    assert str(arrived) == str(error)
