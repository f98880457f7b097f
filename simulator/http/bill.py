"""``POST /bss``: BssOpenApi's DescribeInstanceBill, in place of ``business.ap-southeast-1.aliyuncs.com``."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from simulator.billing.edits import Row, edited
from simulator.billing.rows import usage_rows
from simulator.core.provider import Provider
from simulator.errors import WireError
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ROWS_MAX: Final = 300


def bill(service: Service, call: Call) -> Reply:
    """One page of the bill of a day."""
    try:
        return _page(service, call)
    except WireError as error:
        document = {"Code": error.code, "Message": error.message, "RequestId": call.request_id}
        return Reply(error.status, document)


def _page(service: Service, call: Call) -> Reply:
    provider, config = service.provider, service.provider.config.billing
    now_ms = provider.clock.now_ms() + provider.config.clock_ahead_ms
    service.bill_access.check(
        call.request.method,
        call.request.url.path,
        call.request.url.query,
        {name.lower(): value for name, value in call.request.headers.items()},
        call.body,
        secrets=config.access_keys,
        now=datetime.fromtimestamp(now_ms / 1000, UTC),
    )
    if call.header("x-acs-action") != "DescribeInstanceBill":
        raise WireError(404, "InvalidAction.NotFound", "Specified api is not found.")
    if not config.may_read:
        raise WireError(400, "NotAuthorized", "This API is not authorized for caller.")
    data = _data(call, _rows_of(provider, _day(call)), page_size_max=config.page_size_max)
    document = {
        "Code": "Success",
        "Message": "Successful!",
        "RequestId": call.request_id,
        "Success": True,
        "Data": data,
    }
    return Reply(200, content=json.dumps(document, default=_number).encode())


def _day(call: Call) -> str:
    """The day that is asked for."""
    day = call.query("BillingDate")
    is_daily = call.query("Granularity") == "DAILY"
    if not is_daily or not _DAY.fullmatch(day) or not day.startswith(call.query("BillingCycle")):
        raise WireError(400, "InvalidParameter", "BillingDate must be a day of BillingCycle, with Granularity DAILY.")
    return day


def _rows_of(provider: Provider, day: str) -> list[Row]:
    """The bill of a day, with the errors that are configured."""
    provider.settle()
    store = provider.store
    rows = edited(usage_rows(store.ledger.charges(), store.text_ledger.charges()), provider.config.billing.edits)
    return [row for row in rows if row["BillingDate"] == day]


def _data(call: Call, rows: list[Row], *, page_size_max: int) -> dict[str, object]:
    """The page of the rows that is asked for."""
    first, size = (
        int(call.query("NextToken") or 0),
        min(int(call.query("MaxResults") or 20), _ROWS_MAX, page_size_max),
    )
    return {
        "BillingCycle": call.query("BillingCycle"),
        "AccountID": "5000000000000000",
        "TotalCount": len(rows),
        "MaxResults": size,
        "NextToken": str(first + size) if first + size < len(rows) else None,
        "Items": rows[first : first + size],
    }


def _number(value: object) -> float:
    if isinstance(value, Decimal):  # amounts are JSON numbers there
        return float(value)
    raise TypeError(f"no JSON value: {value!r}")
