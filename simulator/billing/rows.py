"""The bill's rows: usage by day of Beijing, account, model and price.

Source: Alibaba Cloud, BssOpenApi 2017-12-14, DescribeInstanceBill; shapes as real bills had them in 2026.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from simulator.clock import BEIJING
from simulator.store.ledger import Charge
from simulator.store.text_ledger import TextCharge

_WAN: Final = "sfm_inferenceWan_public_intl"
_HAPPYHORSE: Final = "sfm_inferenceHH_public_intl"
_TEXTS: Final = "sfm_inferenceglobal_public_intl"


def usage_rows(charges: Iterable[Charge], texts: Iterable[TextCharge]) -> list[dict[str, Any]]:
    """Rows of everything that was ever charged, before any error."""
    videos = defaultdict[tuple[date, str, str, Decimal, str], Decimal](Decimal)
    for charge in charges:
        seconds = Decimal(charge.billed_seconds)
        if charge.amount is not None and charge.currency is not None:
            price = Decimal(charge.amount) / seconds if seconds else Decimal(0)
            videos[_day(charge.settled_ms), charge.account, charge.model, price, charge.currency] += seconds
    tokens = defaultdict[tuple[date, str, str, str], tuple[int, Decimal]](lambda: (0, Decimal(0)))
    for text in texts:
        if text.amount is not None and text.currency is not None:
            key = _day(text.settled_ms), text.account, text.model, text.currency
            count, amount = tokens[key]
            tokens[key] = count + text.prompt_tokens + text.completion_tokens, amount + Decimal(text.amount)
    return [_video_row(*key, seconds) for key, seconds in sorted(videos.items())] + [
        _text_row(*key, *sums) for key, sums in sorted(tokens.items())
    ]


def api_key_id(account: str) -> str:
    """The console's number of an account's key."""
    return str(5_000_000 + int(hashlib.sha256(account.encode()).hexdigest()[:6], 16) % 1_000_000)


def workspace_id(account: str) -> str:
    """The workspace that an account's key belongs to."""
    return "llm-" + hashlib.sha256(account.encode()).hexdigest()[:12]


def _day(milliseconds: int) -> date:
    return datetime.fromtimestamp(milliseconds / 1000, BEIJING).date()


def _video_row(day: date, account: str, model: str, price: Decimal, currency: str, seconds: Decimal) -> dict[str, Any]:
    return _row(
        day,
        account,
        f"{model};videos;app;0",
        amount=seconds * price,
        Currency=currency,
        CommodityCode=_HAPPYHORSE if model.startswith("happyhorse") else _WAN,
        BillingItem="Video generation",
        BillingItemCode="video_duration",
        Usage=f"{seconds.normalize():f}",
        UsageUnit="Second",
        ListPrice=f"{price.normalize():f}",
        ListPriceUnit=f"{currency}/Second",
    )


def _text_row(day: date, account: str, model: str, currency: str, tokens: int, amount: Decimal) -> dict[str, Any]:
    return _row(
        day,
        account,
        f"{model};tokens;app;0",
        amount=amount,
        Currency=currency,
        CommodityCode=_TEXTS,
        BillingItem="Tokens",
        BillingItemCode="token_number",
        Usage=str(tokens),
        UsageUnit="Token",
        ListPrice="",
        ListPriceUnit="",
    )


def _row(day: date, account: str, instance: str, *, amount: Decimal, **columns: str) -> dict[str, Any]:
    return {
        "BillingDate": day.isoformat(),
        "ProductCode": "sfm",
        "Item": "PayAsYouGoBill",
        "InstanceID": f"{api_key_id(account)};{workspace_id(account)};{instance}",
        "PretaxGrossAmount": amount,
        "InvoiceDiscount": Decimal(0),
        "DeductedByCoupons": Decimal(0),
        "PretaxAmount": amount,
        "OutstandingAmount": amount,
        **columns,
    }
