"""The bill is read whole or not at all, and what keeps it from being read is said with its remedy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from workers.provider_bill.acs3_signature import AccessKey
from workers.provider_bill.client import BillAccess, BillError, read_days

DAY = date(2026, 11, 3)
Answer = Callable[[httpx.Request], httpx.Response]


def page(*names: str, total: int, following: str | None = None) -> dict[str, Any]:
    """A page of rows."""
    items = [{"InstanceID": name} for name in names]
    return {"Code": "Success", "Success": True, "Data": {"TotalCount": total, "NextToken": following, "Items": items}}


def read(*answers: dict[str, Any] | httpx.Response) -> tuple[list[Any], list[httpx.Request], list[float]]:
    """The rows of a day, the requests, and the waits, where the provider answers so in turn."""
    requests, waits, left = list[httpx.Request](), list[float](), list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        given = left.pop(0)
        return given if isinstance(given, httpx.Response) else httpx.Response(200, json=given)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    access = BillAccess(
        "http://127.0.0.1:9/bss",
        AccessKey("id", SecretStr("secret")),
        transport=lambda: httpx.MockTransport(answer),
        sleep=sleep,
    )
    return asyncio.run(read_days(access, [DAY])), requests, waits


def test_pages_are_followed_to_the_last() -> None:
    rows, requests, _ = read(page("a", "b", total=3, following="t2"), page("c", total=3))

    assert [row["InstanceID"] for row in rows] == ["a", "b", "c"]
    assert [request.url.params.get("NextToken") for request in requests] == [None, "t2"]
    assert requests[0].url.params["BillingDate"] == "2026-11-03"
    nonces = {request.headers["x-acs-signature-nonce"] for request in requests}
    assert len(nonces) == 2


@pytest.mark.parametrize(
    "changed",
    [
        [page("a", total=2, following="t2"), page("b", total=3)],
        [page("a", total=3, following="t2"), page("b", total=3, following="t2")],
        [page("a", total=2)],
    ],
    ids=["total moves", "page repeats", "rows are missing"],
)
def test_a_bill_that_changes_while_it_is_read_is_read_again(changed: list[dict[str, Any]]) -> None:
    rows, _, _ = read(*changed, page("a", "b", total=2))

    assert [row["InstanceID"] for row in rows] == ["a", "b"]


def test_a_bill_that_never_holds_still_is_not_compared() -> None:
    with pytest.raises(BillError, match="changed while it was read, 3 times"):
        read(*[page("a", total=2)] * 3)


def test_a_throttled_call_is_signed_again_after_a_wait() -> None:
    throttled = httpx.Response(429, json={"Code": "Throttling.User", "Message": "Request was denied."})

    rows, requests, waits = read(throttled, page("a", total=1))

    assert len(rows) == 1
    assert waits == [2.0]
    assert requests[0].headers["x-acs-signature-nonce"] != requests[1].headers["x-acs-signature-nonce"]


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (400, "NotAuthorized", "grant it bssapi:DescribeInstanceBill"),
        (403, "SignatureDoesNotMatch", "check REELQUEUE_BILL_ACCESS_KEY_SECRET"),
        (404, "InvalidAccessKeyId.NotFound", "check REELQUEUE_BILL_ACCESS_KEY_ID"),
        (400, "InvalidTimeStamp.Expired", "clock is more than 15 minutes off"),
        (500, "InternalError", "refuses to show the bill: InternalError: no"),
    ],
)
def test_a_refusal_names_its_remedy(status: int, code: str, says: str) -> None:
    with pytest.raises(BillError, match=says):
        read(httpx.Response(status, json={"Code": code, "Message": "no"}))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(502, html="<html>"), "HTTP 502 without JSON: check the URL"),
        (httpx.Response(200, json=[1]), "no JSON object"),
        (httpx.Response(200, json={"Code": "Success", "Data": {"Items": None}}), "no list of rows"),
        (httpx.Response(200, content=b"[" + b"1," * 5_000_000), "more than 8388608 bytes"),
    ],
)
def test_what_is_no_bill_is_refused(answer: httpx.Response, says: str) -> None:
    with pytest.raises(BillError, match=says):
        read(answer)


def test_amounts_are_decimal_from_the_wire_on() -> None:
    text = json.dumps(page("a", total=1)).replace('"a"', '"a", "PretaxAmount": 0.1')

    rows, _, _ = read(httpx.Response(200, text=text))

    assert repr(rows[0]["PretaxAmount"]) == "Decimal('0.1')"
