"""The paid steps, what each costs at most, and which of them an amount pays for."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy.orm import Session

from models.account import Account
from models.operations.money.prices import known_prices
from models.operations.scheduling.account_limits import lane_limits
from reelqueue.pricing import estimate
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.parse import parse_request

PROMPT: Final = "A paper boat drifts along a rainy street at dusk; \u201cquoted\u201d, 2 \u00d7 3, caf\u00e9."
"""With marks that a service may tidy in its echo."""
EARLY: Final = "wan2.2-t2v-plus"
FIRST: Final = "first"
SLOTS: Final = "slots"
_SIDE_PX: Final = 256
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_MORE_THAN_SLOTS: Final = 1


@dataclass(frozen=True)
class Step:
    """Renders of one request, for what they show."""

    id: str
    shows: str
    options: Mapping[str, Any]
    is_above_slots: bool = False
    """As many as the model has slots, and one more."""

    @property
    def request(self) -> RenderRequest:
        """What is enqueued."""
        return parse_request({"prompt": PROMPT, "seed": 7, **self.options})


@dataclass(frozen=True)
class Planned:
    """A step with its price."""

    step: Step
    count: int
    most: Decimal | None
    """Of all its renders; None: no price is known."""
    currency: str | None
    is_paid_for: bool


@dataclass(frozen=True)
class Plan:
    """What is done for an amount."""

    steps: tuple[Planned, ...]
    amount: Decimal
    currency: str

    @property
    def taken(self) -> tuple[Planned, ...]:
        """The steps that the amount pays for."""
        return tuple(one for one in self.steps if one.is_paid_for)

    @property
    def most(self) -> Decimal:
        """What they may cost in all."""
        return sum((one.most for one in self.taken if one.most is not None), Decimal(0))


def picture() -> str:
    """A plain picture, large enough for a first frame, as a data URL."""
    row = b"\x00" + b"\x30\x60\x90" * _SIDE_PX
    header = struct.pack(">IIBBBBB", _SIDE_PX, _SIDE_PX, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * _SIDE_PX)), (b"IEND", b""))
    parts = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
             for kind, data in chunks)  # fmt: skip
    return f"data:image/png;base64,{base64.b64encode(_SIGNATURE + b''.join(parts)).decode()}"


STEPS: Final = (
    Step(FIRST, "one render on an idle account", {"model": EARLY, "resolution": "480P"}),
    Step(SLOTS, "one render more than there are slots", {"model": EARLY, "resolution": "480P"}, is_above_slots=True),
    Step("2.6-flash", "a silent clip of a picture", {"model": "wan2.6-i2v-flash", "resolution": "720P", "duration": 2,
                                                     "audio": False, "image": picture()}),
    Step("3.0", "a clip of Wan 3.0", {"model": "wan3.0-video", "resolution": "480P", "duration": 2, "ratio": "16:9"}),
    Step("2.7", "a clip of Wan 2.7", {"model": "wan2.7-t2v", "resolution": "720P", "duration": 2, "ratio": "4:3"}),
    Step("2.6", "a clip of Wan 2.6", {"model": "wan2.6-t2v", "resolution": "1280x720", "duration": 2}),
)  # fmt: skip
"""In the order in which an amount is spent: what answers most comes first."""


def make_plan(session: Session, account: Account, amount: Decimal, currency: str) -> Plan:
    """What an amount pays for: each step whose most fits into what the steps before it leave."""
    left, planned = amount, list[Planned]()
    for step in STEPS:
        count = lane_limits(account, step.request.model).slots + _MORE_THAN_SLOTS if step.is_above_slots else 1
        cost = estimate(step.request, account.region, prices=known_prices(session, account.id))
        most = None if cost is None else cost.max_amount * count
        fits = most is not None and cost is not None and cost.currency == currency and most <= left
        left -= most if fits and most is not None else Decimal(0)
        planned.append(Planned(step, count, most, cost.currency if cost else None, fits))
    return Plan(tuple(planned), amount, currency)
