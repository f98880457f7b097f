"""Dispatch, sweep, and the look for orphans."""

from __future__ import annotations

from reelqueue import messages
from workers.app import app
from workers.dispatch.dispatcher import dispatch
from workers.orphans.scan import scan_for_orphans
from workers.resources import context
from workers.sweep.sweep import sweep


@app.task(name=messages.CONTROL_DISPATCH)
def dispatch_task() -> str:
    """Admit what fits."""
    return f"admitted={len(dispatch(context()))}"


@app.task(name=messages.CONTROL_SWEEP)
def sweep_task() -> str:
    """Hint again at what is overdue."""
    return str(sweep(context()))


@app.task(name=messages.CONTROL_ADOPT)
def adopt_task() -> str:
    """Compare the provider's lists with our books."""
    return "; ".join(map(str, scan_for_orphans(context()))) or "no account"
