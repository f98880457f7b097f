"""Opening the submit gates: before each dispatch, those that are closed or hold something are compared when due."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.account import Account
from models.operations.scheduling.submit_gates import (
    STALE_AFTER,
    DatabaseIdentity,
    close_gate,
    database_identity,
    ensure_gate,
    may_be_restored,
    must_close,
)
from models.submit_gate import SubmitGate
from workers.recovery.compare import compare_account
from workers.runtime.context import Context

log = structlog.get_logger(__name__)

_COMPARED_WITHIN: Final = timedelta(seconds=60)
"""A worker that died over a comparison is replaced after this."""


def open_gates(context: Context) -> None:
    """Compare each account that is due with its provider's list; reads a few rows where none is."""
    with context.sessions.begin() as session:
        due = _take_due(session, context.clock.now(session))
    for account in due:
        try:
            compare_account(context, account)
        except Exception as error:  # noqa: BLE001 -- its gate stays as it is, and the other accounts go on
            _say_why(context, account, error)


def _say_why(context: Context, account: Account, error: Exception) -> None:
    """Let operators read what a comparison has failed of; it is made again."""
    said = str(error.orig if isinstance(error, DBAPIError) else error)
    reason = f"the comparison with the provider's task list failed: {type(error).__name__}: {' '.join(said.split())}"
    log.error("submit_gate.comparison_failed", account=account.name, reason=reason, exc_info=error)
    with context.sessions.begin() as session:
        ensure_gate(session, account.id).reason = reason


def _take_due(session: Session, now: datetime) -> list[Account]:
    identity = database_identity(session)
    accounts = session.scalars(select(Account).order_by(Account.id)).all()  # the order in which gates are locked
    stored = session.scalars(select(SubmitGate).execution_options(populate_existing=True))
    gates = {gate.account_id: gate for gate in stored}
    waiting = [
        account for account in accounts if (gate := gates.get(account.id)) is None or _is_due(gate, identity, now)
    ]
    if not waiting:
        return []
    was_used = may_be_restored(session, gates.values(), identity)
    return [
        account
        for account in waiting
        if _take(ensure_gate(session, account.id), identity, now, was_used_elsewhere=was_used)
    ]


def _is_due(gate: SubmitGate, identity: DatabaseIdentity, now: datetime) -> bool:
    # A time further ahead than any is set is of a clock that was set back since.
    is_checked = gate.check_at is not None and not now < gate.check_at <= now + _COMPARED_WITHIN
    return must_close(gate, identity, now) or is_checked


def _take(gate: SubmitGate, identity: DatabaseIdentity, now: datetime, *, was_used_elsewhere: bool) -> bool:
    """Claim a comparison, under the gate's lock; False if another worker has it, or is done."""
    if not _is_due(gate, identity, now):
        return False
    if must_close(gate, identity, now) or _was_left(gate, now):
        close_gate(gate, identity, now, was_used_elsewhere=was_used_elsewhere)
    gate.check_at = now + _COMPARED_WITHIN
    return True


def _was_left(gate: SubmitGate, now: datetime) -> bool:
    """Whether a closed gate was not looked at for a while, or the clock was set: `closed_at` may be too early then."""
    return not gate.is_open and gate.check_at is not None and abs(now - gate.check_at) > STALE_AFTER
