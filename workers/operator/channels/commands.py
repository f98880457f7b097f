"""The operators' commands about notification channels."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.table import Column
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from models.notification_channel import NotificationChannel
from models.notification_delivery import NotificationDelivery
from models.tenant import Tenant
from reelqueue.cli._output import print_table
from reelqueue.errors import ReelqueueError
from reelqueue.webhooks import DeliveryState
from workers.notices.apprise import Message, send_all
from workers.notices.channels import ALL_EVENTS, OPERATORS_EVENTS, TENANTS_EVENTS
from workers.notices.deliver import url_of
from workers.operator.console import AsJson, open_context
from workers.runtime.context import Context

notify = typer.Typer(no_args_is_help=True, help="Channels through which people are notified: chats, mail.")

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

_UrlEnv = Annotated[str, typer.Option(help="Name of the environment variable that holds its Apprise URL.")]
_Tenant = Annotated[str | None, typer.Option(help="Whose campaigns it is about; unless given, it is the operators'.")]
_Event = Annotated[list[str] | None, typer.Option(help="An event that is sent to it; repeat it. See notify events.")]
_Prompts = Annotated[bool, typer.Option("--prompts", help="Send a few prompts of the clips concerned as well.")]


@dataclass(frozen=True)
class ChannelLine:
    """A channel as it is shown."""

    name: str
    tenant: str | None
    service: str
    """Scheme of its URL; the rest is secret."""
    url_env: str
    events: Sequence[str]
    has_prompts: bool
    waiting: int
    """Notifications that are not delivered yet."""
    undelivered: int
    """Those that were given up."""
    last_error: str | None
    held_until: datetime | None


@notify.command("add")
def add_command(
    name: str, *, url_env: _UrlEnv, tenant: _Tenant = None, event: _Event = None, prompts: _Prompts = False
) -> None:
    """Add a channel: it is sent what happens from now on."""
    with open_context() as context:
        _check_url(context, url_env)
        with context.sessions.begin() as session:
            tenant_id = None if tenant is None else _tenant(session, tenant)
            if session.scalars(select(NotificationChannel.id).where(NotificationChannel.name == name)).first():
                raise ReelqueueError(f"there is a channel named {name} already; remove it, or choose another name")
            chosen = _events(event, is_tenants=tenant is not None)
            now = context.clock.now(session)
            session.add(
                NotificationChannel(
                    name=name, url_env=url_env, tenant_id=tenant_id, events=chosen, has_prompts=prompts, created_at=now
                )
            )
    typer.echo(f"channel {name} is added; set {url_env} for the workers that serve the queue notify, too")
    typer.echo(f"python -m workers notify test {name} sends a first message", err=True)


@notify.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """Show the channels, and what could not be delivered. URLs are secret: only their scheme is shown."""
    with open_context() as context, context.sessions() as session:
        channels = session.scalars(select(NotificationChannel).order_by(NotificationChannel.name)).all()
        lines = [_line(context, session, channel) for channel in channels]
    if as_json:
        for line in lines:
            typer.echo(json.dumps(asdict(line), default=str))
        return
    columns = [Column(title) for title in ("name", "for", "service", "variable", "events", "waiting", "given up", "")]
    print_table(columns, [_cells(line) for line in lines])


@notify.command("events")
def events_command() -> None:
    """Show the events that a channel can get."""
    for kind in ALL_EVENTS:
        whose = "tenants and operators" if kind in TENANTS_EVENTS else "operators"
        typer.echo(f"{kind} ({whose})")


@notify.command("remove")
def remove_command(name: str) -> None:
    """Remove a channel; what is not delivered yet is dropped."""
    with open_context() as context, context.sessions.begin() as session:
        channel = _named(session, name, is_locked=True)
        session.execute(delete(NotificationDelivery).where(NotificationDelivery.channel_id == channel.id))
        session.delete(channel)
    typer.echo(f"channel {name} is removed")


@notify.command("test")
def test_command(name: str) -> None:
    """Send a message to a channel now, from here. Exit code 1 if its service does not take it."""
    with open_context() as context:
        with context.sessions() as session:
            channel = _named(session, name)
        url = url_of(context, channel.url_env)
        if url is None:
            raise ReelqueueError(f"channel {name}: {channel.url_env} is not set here; set it here and for the workers")
        message = Message("Reelqueue can reach this channel", f"It is the channel {name}.", "info")
        limit = context.settings.delivery.notification_timeout_seconds
        (error,) = send_all(url, [message], context.settings, timeout_seconds=limit).errors
    if error is not None:
        raise ReelqueueError(f"channel {name}: {error}; look at the URL in {channel.url_env}, and at its service")
    typer.echo(f"channel {name} has taken a message")


def _check_url(context: Context, url_env: str) -> None:
    if not _VARIABLE.fullmatch(url_env):
        # What is given instead may be the URL itself, which must not be repeated.
        raise ReelqueueError("--url-env is no name of an environment variable; put the URL into one, and give its name")
    url = url_of(context, url_env)
    if url is None:
        raise ReelqueueError(
            f"{url_env} is not set here; export it with the channel's Apprise URL, and for the workers"
        )
    limit = context.settings.delivery.notification_timeout_seconds
    refusal = send_all(url, [], context.settings, timeout_seconds=limit).refusal
    if refusal is not None:
        raise ReelqueueError(
            f"the URL in {url_env} is refused: {refusal}. For a receiver inside your network, name its host in "
            "REELQUEUE_WEBHOOK_PRIVATE_HOSTS, here and for the workers"
        )


def _tenant(session: Session, name: str) -> UUID:
    names = {row.name: row.id for row in session.execute(select(Tenant.name, Tenant.id))}
    if name not in names:
        raise ReelqueueError(f"there is no tenant named {name}; there are {', '.join(sorted(names)) or 'none'}")
    found: UUID = names[name]
    return found


def _events(given: Sequence[str] | None, *, is_tenants: bool) -> list[str]:
    allowed = [str(one) for one in (TENANTS_EVENTS if is_tenants else ALL_EVENTS)]
    if not given:
        return [str(one) for one in (TENANTS_EVENTS if is_tenants else OPERATORS_EVENTS)]
    if unknown := sorted(set(given) - set(allowed)):
        whose = "a tenant's channel" if is_tenants else "a channel"
        raise ReelqueueError(f"{unknown[0]} is no event for {whose}; there are {', '.join(allowed)}")
    return sorted(set(given))


def _named(session: Session, name: str, *, is_locked: bool = False) -> NotificationChannel:
    query = select(NotificationChannel).where(NotificationChannel.name == name)
    found = session.scalars(query.with_for_update() if is_locked else query).one_or_none()
    if found is None:
        raise ReelqueueError(f"there is no channel named {name}; see notify list")
    return found


def _line(context: Context, session: Session, channel: NotificationChannel) -> ChannelLine:
    mine = NotificationDelivery.channel_id == channel.id
    counts = dict(
        session.execute(
            select(NotificationDelivery.state, func.count()).where(mine).group_by(NotificationDelivery.state)
        ).all()
    )
    last = (
        select(NotificationDelivery.last_error)
        .where(mine, NotificationDelivery.last_error.is_not(None))
        .order_by(NotificationDelivery.id.desc())
        .limit(1)
    )
    url = url_of(context, channel.url_env)
    return ChannelLine(
        name=channel.name,
        tenant=None if channel.tenant_id is None else session.get_one(Tenant, channel.tenant_id).name,
        service=url.get_secret_value().partition("://")[0][:32] if url else "not set here",
        url_env=channel.url_env,
        events=channel.events,
        has_prompts=channel.has_prompts,
        waiting=counts.get(DeliveryState.PENDING, 0),
        undelivered=counts.get(DeliveryState.DEAD, 0),
        last_error=session.scalars(last).first(),
        held_until=channel.held_until,
    )


def _cells(line: ChannelLine) -> tuple[str, ...]:
    return (
        line.name,
        line.tenant or "operators",
        line.service,
        line.url_env,
        ", ".join(line.events),
        str(line.waiting),
        str(line.undelivered),
        line.last_error or "",
    )
