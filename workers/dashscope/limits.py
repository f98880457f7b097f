"""What the provider documents about its limits in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

RESULT_LIFE: Final = timedelta(hours=24)
"""A result's URL expires so long after its task's end."""
LONGEST_WINDOW: Final = timedelta(hours=24)
"""The provider lists no longer one, and keeps no task for longer."""
