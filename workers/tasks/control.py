"""Dispatch and sweep."""

from __future__ import annotations

from reelqueue import messages
from workers.app import app
from workers.dispatch import dispatch
from workers.resources import services
from workers.sweep import sweep


@app.task(name=messages.CONTROL_DISPATCH)
def dispatch_task() -> str:
    """Admit what fits."""
    return f"admitted={len(dispatch(services()))}"


@app.task(name=messages.CONTROL_SWEEP)
def sweep_task() -> str:
    """Hint again at what is overdue."""
    return str(sweep(services()))
