"""Commands `webhook`: endpoints and their deliveries."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import typer
from rich.table import Column

from reelqueue.cli._jobs import AsJson, connect
from reelqueue.cli._output import moment, print_json, print_json_array, print_line, print_table, shown, talk
from reelqueue.webhooks import WebhookDelivery, WebhookEndpoint

webhook = typer.Typer(no_args_is_help=True, help="Tell receivers of yours what becomes of render jobs.")

EndpointId = Annotated[UUID, typer.Argument(metavar="WEBHOOK_ID", help="The endpoint's id.")]
DeliveryId = Annotated[UUID, typer.Argument(metavar="DELIVERY_ID", help="The delivery's id.")]


@webhook.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are posted.")], *, as_json: AsJson = False
) -> None:
    """Make an endpoint and print its secret, which is shown this once."""
    with connect() as client:
        made = client.webhooks.make(url)
    if as_json:
        print_json(made)
        return
    for other in made.same_url_ids:
        talk(f"webhook {other} has this URL, too, so it gets every event again: reelqueue webhook delete {other}")
    talk(f"made {made.id}: keep its secret, it is not shown again")
    print_line(made.secret)


@webhook.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List endpoints, oldest first."""
    with connect() as client:
        found = client.webhooks.list()
    if as_json:
        print_json_array(found)
        return
    print_table(_columns("webhook", "url", "failed tries", "disabled"), map(_endpoint_row, found))


@webhook.command()
def delete(endpoint_id: EndpointId) -> None:
    """Delete an endpoint; what it has not been told yet, it never is."""
    with connect() as client:
        client.webhooks.delete(endpoint_id)
    print_line(f"deleted: {endpoint_id}")


@webhook.command()
def enable(endpoint_id: EndpointId) -> None:
    """Tell an endpoint again that has answered 410 Gone, from now on."""
    with connect() as client:
        client.webhooks.enable(endpoint_id)
    print_line(f"enabled: {endpoint_id}")


@webhook.command()
def test(endpoint_id: EndpointId) -> None:
    """Post a test event to an endpoint; `deliveries` says how that went."""
    with connect() as client:
        print_line(f"on its way: {client.webhooks.test(endpoint_id).id}")


@webhook.command()
def deliveries(
    endpoint_id: EndpointId,
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most this many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what an endpoint was told or is to be told, newest first."""
    with connect() as client:
        found = client.webhooks.deliveries(endpoint_id, limit=limit).items
    if as_json:
        print_json_array(found)
        return
    titles = ("delivery", "event", "job", "state", "tries", "status", "next try", "last error")
    spare = ("tries", "next try", "status", "event", "job")
    print_table(_columns(*titles), map(_delivery_row, found), spare=spare)


@webhook.command()
def redeliver(endpoint_id: EndpointId, delivery_id: DeliveryId) -> None:
    """Post an event once more, under its old id."""
    with connect() as client:
        print_line(f"on its way: {client.webhooks.redeliver(endpoint_id, delivery_id).id}")


_FOLDED: Final = ("url", "last error")


def _columns(*titles: str) -> list[Column]:
    return [Column(title, overflow="fold" if title in _FOLDED else "ellipsis", no_wrap=title not in _FOLDED)
            for title in titles]  # fmt: skip


def _endpoint_row(endpoint: WebhookEndpoint) -> tuple[str, ...]:
    return (str(endpoint.id), endpoint.url, str(endpoint.failure_count), shown(endpoint.disabled_reason))


def _delivery_row(delivery: WebhookDelivery) -> tuple[str, ...]:
    return (
        str(delivery.id),
        delivery.type,
        shown(delivery.job_id),
        delivery.state,
        str(delivery.attempt_count),
        shown(delivery.last_status),
        shown(delivery.next_attempt_at, moment),
        shown(delivery.last_error),
    )
