"""Reads the provider's bill of one day, whole or not at all.

Source: Alibaba Cloud, BssOpenApi 2017-12-14, DescribeInstanceBill.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from reelqueue.egress import tls_context
from reelqueue.errors import ReelqueueError
from reelqueue.loopback import is_loopback_url
from reelqueue.version import USER_AGENT
from workers.provider_bill.acs3_signature import AccessKey, Action, sign_call

PAGE_SIZE: Final = 300
PAGES_MAX: Final = 200
"""Of one day; 60,000 rows."""
ANSWER_BYTES_MAX: Final = 8 * 1024 * 1024
_SECONDS: Final = 30.0
_READINGS: Final = 3
"""Of a day whose pages changed meanwhile."""
_THROTTLED_TRIES: Final = 5
_THROTTLED_SECONDS: Final = 1.0
_PRODUCT: Final = "sfm"
"""Alibaba's code of the Model Studio."""

_REMEDIES: Final = {
    "InvalidAccessKeyId.NotFound": "the AccessKey does not exist: check REELQUEUE_BILL_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret does not belong to the AccessKey: check REELQUEUE_BILL_ACCESS_KEY_SECRET",
    "NotAuthorized": "the RAM user may not read bills: grant it bssapi:DescribeInstanceBill",
    "NoPermission": "the RAM user may not read bills: grant it bssapi:DescribeInstanceBill",
    "Forbidden.RAM": "the RAM user may not read bills: grant it bssapi:DescribeInstanceBill",
    "InvalidTimeStamp.Expired": "this machine's clock is more than 15 minutes off: set it",
}


class BillError(ReelqueueError):
    """The bill cannot be read; nothing was compared."""


class _ChangedError(Exception):
    """A page does not follow the one before: the bill grew meanwhile."""


@dataclass(frozen=True)
class BillAccess:
    """Where the bill is read, and as whom."""

    url: str
    """Scheme, host and path."""
    key: AccessKey
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None
    """Makes httpx's transport, where one is set."""
    sleep: Callable[[float], Awaitable[None]] | None = None
    """Waits so many seconds before a throttled call is tried again; None: it is not tried again."""


async def read_days(access: BillAccess, days: list[date]) -> list[Mapping[str, Any]]:
    """All items of the bill of *days*.

    Args:
        access: Where, and as whom.
        days: Of Beijing.

    Raises:
        BillError: It cannot be read; the message says what to do.
    """
    parts = urlsplit(access.url)
    async with httpx.AsyncClient(
        transport=access.transport() if access.transport else None,
        verify=tls_context() if parts.scheme == "https" else False,
        trust_env=not is_loopback_url(access.url),
        timeout=_SECONDS,
        follow_redirects=False,
        headers={"User-Agent": USER_AGENT},
    ) as http:
        return [item for day in days for item in await _read_day(access, http, day)]


async def _read_day(access: BillAccess, http: httpx.AsyncClient, day: date) -> list[Mapping[str, Any]]:
    for _ in range(_READINGS):
        try:
            return await _read_pages(access, http, day)
        except _ChangedError as error:
            changed = error
    raise BillError(f"the bill of {day} changed while it was read, {_READINGS} times: {changed}; try again later")


async def _read_pages(access: BillAccess, http: httpx.AsyncClient, day: date) -> list[Mapping[str, Any]]:
    items = list[Mapping[str, Any]]()
    token, tokens, total = "", set[str](), None
    for _ in range(PAGES_MAX):
        page = await _call(access, http, day, token)
        items += _items_of(page)
        if total is not None and page.get("TotalCount") != total:
            raise _ChangedError(f"it has {page.get('TotalCount')} rows after {total}")
        token, total = str(page.get("NextToken") or ""), page.get("TotalCount")
        if not token:
            break
        if token in tokens:
            raise _ChangedError("a page leads back to itself")
        tokens.add(token)
    else:
        raise BillError(f"the bill of {day} has more than {PAGES_MAX * PAGE_SIZE} rows")
    if isinstance(total, int) and total != len(items):
        raise _ChangedError(f"it has {len(items)} rows of {total}")
    return items


async def _call(access: BillAccess, http: httpx.AsyncClient, day: date, token: str) -> Mapping[str, Any]:
    parts = urlsplit(access.url)
    action = Action("DescribeInstanceBill", "2017-12-14", "POST", parts.netloc, parts.path or "/")
    parameters = {
        "BillingCycle": f"{day:%Y-%m}",
        "BillingDate": day.isoformat(),
        "Granularity": "DAILY",
        "IsBillingItem": "true",
        "MaxResults": str(PAGE_SIZE),
        "ProductCode": _PRODUCT,
    } | ({"NextToken": token} if token else {})
    for attempt in range(1, _THROTTLED_TRIES + 1):
        now = datetime.now(UTC)
        signed = sign_call(action, parameters, access.key, date=f"{now:%Y-%m-%dT%H:%M:%SZ}", nonce=uuid.uuid4().hex)
        document, status = await _post(
            http, f"{parts.scheme}://{parts.netloc}{action.path}?{signed.query}", signed.headers
        )
        code = str(document.get("Code") or document.get("code") or "")
        data = document.get("Data")
        if status == 200 and code in {"Success", "200", ""} and isinstance(data, dict):
            return data
        if not code.startswith("Throttling") or attempt == _THROTTLED_TRIES or access.sleep is None:
            message = str(document.get("Message") or document.get("message") or "no message")
            raise BillError(_said(status, code, message))
        await access.sleep(_THROTTLED_SECONDS * 2**attempt)
    raise AssertionError  # the last attempt returns or raises


async def _post(http: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    try:
        async with http.stream("POST", url, headers=headers) as answer:
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > ANSWER_BYTES_MAX:
                    raise BillError(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
            # Amounts are numbers: as floats they would not add up.
            document = json.loads(content, parse_float=Decimal)
    except httpx.HTTPError as error:
        raise BillError(
            f"{urlsplit(url).netloc} does not answer: {type(error).__name__}; try again in an hour"
        ) from error
    except ValueError as error:
        raise BillError(
            f"{urlsplit(url).netloc} answers HTTP {answer.status_code} without JSON: check the URL"
        ) from error
    if not isinstance(document, dict):
        raise BillError(f"{urlsplit(url).netloc} answers with no JSON object: check the URL")
    return document, answer.status_code


def _items_of(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = page.get("Items")
    if isinstance(items, dict):  # as its older sister nests them
        items = items.get("Item")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BillError("a page of the bill has no list of rows")
    return items


def _said(status: int, code: str, message: str) -> str:
    remedy = _REMEDIES.get(code)
    said = f"the provider refuses to show the bill: {code or f'HTTP {status}'}: {message[:300]}"
    return f"{remedy} ({said})" if remedy else said
