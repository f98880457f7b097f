"""Tasks for dispatch, sweep, notices, the report to operators and the orphan scan."""

from __future__ import annotations

from reelqueue import messages
from workers.app import app
from workers.dispatch.dispatcher import dispatch
from workers.dispatch.read_limits import read_limits
from workers.dispatch.read_models import read_models
from workers.notices.report import report_notices
from workers.operator.record.report import NeedsOperatorError, report_record
from workers.orphans.scan import scan_for_orphans
from workers.resources import context
from workers.sweep.sweep import sweep


@app.task(name=messages.CONTROL_DISPATCH)
def dispatch_task() -> str:
    """Admit the jobs that fit."""
    return f"admitted={len(dispatch(context()))}"


@app.task(name=messages.CONTROL_SWEEP)
def sweep_task() -> str:
    """Send hints again for everything that is overdue."""
    return str(sweep(context()))


@app.task(name=messages.CONTROL_ADOPT)
def adopt_task() -> str:
    """Scan the provider's task lists for orphans."""
    return "; ".join(map(str, scan_for_orphans(context()))) or "no account"


@app.task(name=messages.CONTROL_NOTICES)
def notices_task() -> str:
    """Find what happened to campaigns and to the server, and queue it for its receivers."""
    return str(report_notices(context()))


@app.task(name=messages.CONTROL_REPORT, throws=(NeedsOperatorError,))
def report_task() -> str:
    """Say how the record is; it fails while something needs an operator."""
    return str(report_record(context()))


@app.task(name=messages.CONTROL_LIMITS)
def read_limits_task() -> str:
    """Ask the provider what each account may do."""
    return str(read_limits(context()))


@app.task(name=messages.CONTROL_MODELS)
def read_models_task() -> str:
    """Ask the provider what its models cost, and until when there are."""
    return str(read_models(context()))
