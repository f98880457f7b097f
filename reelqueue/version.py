"""The version of the distribution, also told to the servers that we call."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
USER_AGENT: Final = f"reelqueue/{VERSION}"
