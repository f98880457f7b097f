"""The operators' commands about keys of the HTTP API."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.table import Column
from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.api_key import IS_VALID, ApiKey, KeyScope
from models.base import new_id
from models.session import DatabaseClock
from models.tenant import Tenant, ensure_tenant
from reelqueue.cli._output import print_table
from reelqueue.errors import ReelqueueError
from reelqueue.schemas.statement import money_text
from workers.operator.console import AsJson, open_session, read_budget

keys = typer.Typer(no_args_is_help=True, help="Keys of the HTTP API.")

_LENGTH: Final = re.compile(r"([1-9][0-9]{0,4})([dhm])", re.ASCII)
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}

TENANT_HELP = "Whose jobs it enqueues and sees; the key's own name unless given. Keys of a tenant share its jobs."
Expires = Annotated[
    str | None, typer.Option(metavar="WHEN", help="When it ends: a length such as 90d or 12h, or a day (UTC).")
]
Keep = Annotated[str, typer.Option(metavar="LENGTH", help="How long the old key still works, such as 1h.")]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="It may look at everything, and change or render nothing.")]


@dataclass(frozen=True)
class KeyLine:
    """A key as it is shown; the key itself is not stored."""

    name: str
    tenant: str
    scope: str
    state: str
    """`valid`, `ending` after a rotation, `expired` or `revoked`."""
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


@keys.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """Show every key: whose it is, what it may do, when it was last used, and whether it is valid."""
    with open_session() as session:
        now = DatabaseClock().now(session)
        found = session.execute(select(ApiKey, Tenant.name).join(Tenant).order_by(ApiKey.name, ApiKey.created_at))
        lines = [_line(key, tenant, now) for key, tenant in found]
    if as_json:
        for line in lines:
            typer.echo(json.dumps(asdict(line), default=str))
        return
    titles = ("name", "tenant", "scope", "state", "created", "last used", "ends")
    columns = [Column(title, overflow="fold") for title in titles]
    print_table(columns, [_cells(line) for line in lines])


@keys.command("create")
def create_command(
    name: str,
    *,
    tenant: Annotated[str, typer.Option(help=TENANT_HELP)] = "",
    expires: Expires = None,
    read_only: ReadOnly = False,
) -> None:
    """Make a key of the HTTP API; it is shown once."""
    scope = KeyScope.READ if read_only else KeyScope.WRITE
    try:
        with open_session() as session:
            until = _moment(expires, DatabaseClock().now(session))
            key = _store(session, name, ensure_tenant(session, tenant or name), scope, until)
    except IntegrityError as error:
        raise ReelqueueError(
            f"there is a key named {name} already; choose another name, or keys rotate {name}"
        ) from error
    typer.echo(key)


@keys.command("revoke")
def revoke_command(name: str) -> None:
    """End a key now, and one that it has replaced, with their browser sessions, links and open event streams."""
    with open_session() as session:
        now = DatabaseClock().now(session)
        still_open = or_(ApiKey.revoked_at.is_(None), ApiKey.revoked_at > now)
        named = update(ApiKey).where(ApiKey.name == name, still_open).values(revoked_at=now).returning(ApiKey.id)
        if not session.scalars(named).all():
            raise _unknown(name)
    typer.echo(f"key {name} is revoked")


@keys.command("rotate")
def rotate_command(name: str, *, keep: Keep = "", expires: Expires = None) -> None:
    """Make a key of the same name, tenant and scope in the place of one; it is shown once, and the old one ends."""
    with open_session() as session:
        now = DatabaseClock().now(session)
        old = _find(session, name)
        old.revoked_at = now + _length(keep) if keep else now
        session.flush()
        until = old.expires_at if expires is None else _moment(expires, now)
        if until is not None and until <= now:
            raise ReelqueueError(f"key {name} has expired; say how long the new one is valid, with --expires")
        key = _store(session, name, old.tenant_id, old.scope, until)
    typer.echo(key)
    if keep:
        typer.echo(f"the old key ends in {keep}", err=True)


@keys.command("second-person")
def second_person_command(
    amount: Annotated[
        str, typer.Argument(metavar="'AMOUNT CURRENCY'|off", help="Such as '100 USD'; off: one person is enough.")
    ],
    *,
    tenant: Annotated[str, typer.Option(help="Whose campaigns.")],
) -> None:
    """Let more than an amount of a campaign need a key that did not apply it: to raise its budget, and to approve."""
    budget = None if amount == "off" else read_budget(amount)
    with open_session() as session:
        found = session.scalars(select(Tenant).where(Tenant.name == tenant).with_for_update()).one_or_none()
        if found is None:
            raise ReelqueueError(f"there is no tenant named {tenant}; see keys list")
        found.approval_amount = budget.amount if budget else None
        found.approval_currency = budget.currency if budget else None
        valid = select(func.count()).where(ApiKey.tenant_id == found.id, ApiKey.scope == KeyScope.WRITE, *IS_VALID)
        count = session.scalars(valid).one()
    if budget is None:
        typer.echo(f"one key of tenant {tenant} is enough for any amount")
        return
    typer.echo(f"more than {money_text(budget.amount)} {budget.currency} of a campaign of {tenant} needs a second key")
    if count < 2:
        typer.echo(f"tenant {tenant} has {count} keys that may write; make another: keys create NAME --tenant {tenant}",
                   err=True)  # fmt: skip


def _store(session: Session, name: str, tenant_id: UUID, scope: KeyScope, expires_at: datetime | None) -> str:
    key = "rq_" + secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    session.add(ApiKey(id=new_id(), name=name, tenant_id=tenant_id, sha256=digest, scope=scope, expires_at=expires_at))
    session.flush()
    return key


def _find(session: Session, name: str) -> ApiKey:
    named = select(ApiKey).where(ApiKey.name == name, ApiKey.revoked_at.is_(None)).with_for_update()
    key = session.scalars(named).one_or_none()
    if key is None:
        raise _unknown(name)
    return key


def _unknown(name: str) -> ReelqueueError:
    return ReelqueueError(f"there is no key named {name} that is not revoked; see keys list")


def _moment(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    if _LENGTH.fullmatch(text):
        return now + _length(text)
    try:
        moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        moment = now
    if moment <= now:
        raise typer.BadParameter(f"{text!r} is no length such as 90d or 12h, and no day to come such as 2027-12-31")
    return moment


def _length(text: str) -> timedelta:
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no length of time such as 90d, 12h or 30m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _line(key: ApiKey, tenant: str, now: datetime) -> KeyLine:
    state = "valid"
    if key.revoked_at is not None:
        state = "revoked" if key.revoked_at <= now else "ending"
    elif key.expires_at is not None and key.expires_at <= now:
        state = "expired"
    return KeyLine(
        name=key.name,
        tenant=tenant,
        scope=key.scope.value,
        state=state,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )


def _cells(line: KeyLine) -> tuple[str, ...]:
    ends = min((moment for moment in (line.revoked_at, line.expires_at) if moment), default=None)
    moments = (line.created_at, line.last_used_at, ends)
    written = (moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if moment else "never" for moment in moments)
    return (line.name, line.tenant, line.scope, line.state, *written)
