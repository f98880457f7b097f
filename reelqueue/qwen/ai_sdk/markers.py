"""What JSON has no value for, written as objects with one key that begins with a dollar sign."""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal
from typing import Final

from reelqueue.errors import InvalidRequestError

_WHOLE_MAX: Final = 1e21
"""From here on JavaScript writes an exponent."""


class Undefined:
    """What JavaScript calls undefined: as if it were not there."""


UNDEFINED: Final = Undefined()


def decoded(value: object) -> object:
    """*value* with ``$bytes`` as bytes, ``$url`` as text, ``$undefined`` left out, and 1.0 as 1.

    Raises:
        InvalidRequestError: A marker holds what it cannot.
    """
    match value:
        case {"$bytes": text, **rest} if not rest:
            return _bytes(text)
        case {"$url": str(text), **rest} if not rest:
            return text
        case {"$undefined": _, **rest} if not rest:
            return UNDEFINED
        case dict():
            inner = {name: decoded(each) for name, each in value.items()}
            return {name: each for name, each in inner.items() if each is not UNDEFINED}
        case list():
            return [None if (each := decoded(item)) is UNDEFINED else each for item in value]
        case float() if value.is_integer() and abs(value) < _WHOLE_MAX:
            return int(Decimal(repr(value)))
        case _:
            return value


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError("bad_marker", f"$bytes: is no base64: {error}") from error
