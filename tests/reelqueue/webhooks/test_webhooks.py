"""What a receiver believes, and what not."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from uuid import UUID

import pytest
import standardwebhooks

from reelqueue.errors import ConfigurationError
from reelqueue.states import TERMINAL, FailureClass, RenderState
from reelqueue.webhooks import WebhookVerificationError, kind_of, sign, verify

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
NOW = 1_780_000_000
ID = "0197-boat"
JOB = "01970000-0000-7000-8000-000000000001"
BODY = json.dumps(
    {
        "type": "render_job.failed",
        "timestamp": "2026-05-28T20:26:40Z",
        "data": {
            "job_id": JOB,
            "custom_id": "boat",
            "state": "failed",
            "failure": {"class": "input", "code": "InvalidURL"},
        },
        "later": "fields are left alone",
    }
).encode()


def headers(*, body: bytes = BODY, secret: str = SECRET, at: int = NOW, message_id: str = ID) -> dict[str, str]:
    return {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": sign(message_id, at, body, secret),
        "Content-Type": "application/json",
    }


def test_a_signature_is_that_of_other_implementations() -> None:
    # The example that the libraries of the Standard Webhooks project and of Svix test themselves with.
    signature = sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_event_is_read_once_it_is_verified() -> None:
    event = verify(BODY, headers(), SECRET, now_seconds=NOW + 3)

    assert (event.id, event.type) == (ID, kind_of(RenderState.FAILED))
    assert event.data.job_id == UUID(JOB)
    assert event.data.failure
    assert event.data.failure.failure_class is FailureClass.INPUT


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_each_terminal_state_has_its_kind(state: RenderState) -> None:
    assert kind_of(state) == f"render_job.{state.value}"


def test_any_of_several_signatures_and_secrets_is_enough() -> None:
    rotated = {
        **headers(),
        "Webhook-Signature": f"v1a,unknown {sign(ID, NOW, BODY, OTHER)} {sign(ID, NOW, BODY, SECRET)}",
    }

    assert verify(BODY, rotated, SECRET, now_seconds=NOW)
    assert verify(BODY, headers(), [OTHER, SECRET], now_seconds=NOW)


@pytest.mark.parametrize("age_seconds", [-300, 0, 300])
def test_clocks_may_differ_by_the_tolerance(age_seconds: int) -> None:
    assert verify(BODY, headers(), SECRET, now_seconds=NOW + age_seconds)


@pytest.mark.parametrize("age_seconds", [-301, 301, 86_400])
def test_a_message_that_is_sent_again_later_is_refused(age_seconds: int) -> None:
    with pytest.raises(WebhookVerificationError, match="replayed, or a clock is wrong"):
        verify(BODY, headers(), SECRET, now_seconds=NOW + age_seconds)


@pytest.mark.parametrize(
    ("changed", "body"),
    [
        ({}, BODY + b" "),
        ({}, BODY.replace(b"failed", b"succeeded")),
        ({}, b""),
        ({"Webhook-Id": "another"}, BODY),
        ({"Webhook-Id": ""}, BODY),
        ({"Webhook-Timestamp": str(NOW + 1)}, BODY),
        ({"Webhook-Timestamp": ""}, BODY),
        ({"Webhook-Timestamp": "now"}, BODY),
        ({"Webhook-Timestamp": f"{NOW}.0"}, BODY),
        ({"Webhook-Timestamp": "\u0661" * 10}, BODY),  # digits, but not those of the protocol
        ({"Webhook-Timestamp": "1" * 5000}, BODY),
        ({"Webhook-Signature": ""}, BODY),
        ({"Webhook-Signature": "v1,"}, BODY),
        ({"Webhook-Signature": "v1,\u00e9"}, BODY),
        ({"Webhook-Signature": sign(ID, NOW, BODY, OTHER)}, BODY),
        ({"Webhook-Signature": sign(ID, NOW, BODY, SECRET).removeprefix("v1,")}, BODY),
        ({"Webhook-Signature": sign(ID, NOW, BODY, SECRET).replace("v1", "v2")}, BODY),
    ],
)
def test_a_forged_message_is_refused(changed: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookVerificationError):
        verify(body, {**headers(), **changed}, SECRET, now_seconds=NOW)


def test_a_message_without_the_headers_is_refused() -> None:
    with pytest.raises(WebhookVerificationError):
        verify(BODY, {}, SECRET)


def test_no_secrets_believe_nothing() -> None:
    with pytest.raises(WebhookVerificationError):
        verify(BODY, headers(), [], now_seconds=NOW)


@pytest.mark.parametrize("body", [b"not JSON", b"[]", b"1", b'{"type": "x"}', b"\xff"])
def test_a_signed_message_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookVerificationError, match="no event"):
        verify(body, headers(body=body), SECRET, now_seconds=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", "whsec_" + "é" * 40, "a word that is no secret"])
def test_what_is_no_secret_is_said_so(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="no webhook secret"):
        verify(BODY, headers(), secret, now_seconds=NOW)


def test_the_specifications_own_library_takes_our_signature_and_no_forgery() -> None:
    now = int(time.time())  # it compares the message with the machine's clock
    theirs = standardwebhooks.Webhook(SECRET)

    assert theirs.verify(BODY, headers(at=now)) == json.loads(BODY)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        theirs.verify(BODY, headers(at=now, secret=OTHER))


def test_a_signature_of_the_specifications_own_library_is_taken() -> None:
    signature = standardwebhooks.Webhook(SECRET).sign(ID, datetime.fromtimestamp(NOW, tz=UTC), BODY.decode())

    event = verify(BODY, {**headers(), "Webhook-Signature": signature}, SECRET, now_seconds=NOW)

    assert event.id == ID
