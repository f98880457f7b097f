from __future__ import annotations

import pytest

from reelqueue import parse_request
from reelqueue.builder import content_sha256

BOAT = {"model": "wan2.6-t2v", "prompt": "a paper boat", "resolution": "720P", "seed": 4}


def digest(**changes: object) -> str:
    return content_sha256(parse_request(BOAT | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"resolution": "1280x720"},  # the size that the service is sent for 720P
        {"custom_id": "boat-1", "priority": 5, "metadata": {"scene": 1}},  # the producer's own
        {"poll_timeout_ms": 5, "on_timeout": "cancel", "start_by": "2030-01-01T00:00:00Z"},  # about waiting
        {"audio": True},  # sound is always on and the option not sent
    ],
)
def test_what_does_not_reach_the_service_changes_nothing(changes: dict[str, object]) -> None:
    assert digest(**changes) == digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a paper boat "},
        {"seed": 5},
        {"negative_prompt": ""},  # sent, and not the same as none
        {"raw": {"style": 1}},
        {"headers": {"X-DashScope-DataInspection": "enable"}},
        {"model": "wan2.5-t2v-preview"},
    ],
)
def test_whatever_reaches_the_service_counts(changes: dict[str, object]) -> None:
    assert digest(**changes) != digest()


def test_an_option_that_a_kind_does_not_have_is_not_given() -> None:
    request = parse_request(BOAT)

    assert (request.given("seed"), request.given("image"), request.given("watermark")) == (4, None, None)
