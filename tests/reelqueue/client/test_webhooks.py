"""Webhook endpoints over the client and at the command line, against a server."""

from __future__ import annotations

import httpx
import pytest
from typer.testing import CliRunner, Result

from api.settings import ApiSettings
from models.operations.webhooks.endpoints import derive_secret
from reelqueue import ConflictError, NotFoundError, UnavailableError
from reelqueue.cli._app import app
from reelqueue.webhooks import DeliveryState
from tests.reelqueue.client.conftest import JOB_ID, World

URL = "https://receiver.example/hook"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["webhook", *map(str, arguments)])


def test_an_endpoint_is_made_listed_and_deleted(world: World, server: str) -> None:
    webhooks = world.connect(server).webhooks

    made = world.run(webhooks.make(URL))
    listed = world.run(webhooks.list())
    world.run(webhooks.delete(made.id))

    assert [(one.id, one.url) for one in listed] == [(made.id, URL)]
    assert world.run(webhooks.list()) == []


def test_a_test_event_is_listed_and_told_again(world: World, server: str) -> None:
    webhooks = world.connect(server).webhooks
    made = world.run(webhooks.make(URL))

    posted = world.run(webhooks.test(made.id))
    (listed,) = world.run(webhooks.deliveries(made.id)).items
    again = world.run(webhooks.redeliver(made.id, posted.id))

    assert (listed.id, listed.type, listed.state) == (posted.id, "webhook.test", DeliveryState.PENDING)
    assert (again.id, again.attempt_count) == (posted.id, 0)


def test_an_endpoint_is_enabled(world: World, server: str) -> None:
    webhooks = world.connect(server).webhooks
    made = world.run(webhooks.make(URL))

    assert world.run(webhooks.enable(made.id)).disabled_at is None


def test_what_is_not_there_cannot_be_deleted(world: World, server: str) -> None:
    with pytest.raises(NotFoundError, match=str(JOB_ID)):
        world.run(world.connect(server).webhooks.delete(JOB_ID))


def test_making_one_is_tried_once_because_its_secret_is_told_once(world: World) -> None:
    tries: list[str] = []

    def lost(request: httpx.Request) -> httpx.Response:
        tries.append(request.url.path)
        raise httpx.ReadError("the connection was cut", request=request)

    with pytest.raises(UnavailableError):
        world.run(world.client(lost).webhooks.make(URL))

    assert tries == ["/v1/webhooks"]


def test_a_secret_is_the_only_thing_on_standard_output(server: str, settings: ApiSettings, world: World) -> None:
    added = run("add", URL)
    (endpoint,) = world.run(world.connect(server).webhooks.list())

    assert settings.webhook_key
    assert added.stdout == f"{derive_secret(settings.webhook_key, endpoint.id).get_secret_value()}\n"
    assert f"made {endpoint.id}" in added.stderr


def test_a_url_that_has_an_endpoint_already_is_said(server: str, world: World) -> None:
    first = world.run(world.connect(server).webhooks.make(URL))

    added = run("add", URL)

    assert f"webhook {first.id} has this URL, too" in added.stderr
    assert f"reelqueue webhook delete {first.id}" in added.stderr


def test_endpoints_and_deliveries_are_shown(server: str, world: World) -> None:
    made = world.run(world.connect(server).webhooks.make(URL))

    tested, endpoints, told = run("test", made.id), run("list"), run("deliveries", made.id)

    assert "on its way: " in tested.stdout
    assert (str(made.id) in endpoints.stdout, URL in endpoints.stdout) == (True, True)
    assert ("webhook.test" in told.stdout, "pending" in told.stdout) == (True, True)


def test_a_command_deletes_and_enables(server: str, world: World) -> None:
    made = world.run(world.connect(server).webhooks.make(URL))

    assert run("enable", made.id).stdout == f"enabled: {made.id}\n"
    assert run("delete", made.id).stdout == f"deleted: {made.id}\n"
    assert run("list", "--json").stdout == "[]\n"


def test_a_server_without_a_key_says_what_its_operator_does(world: World) -> None:
    def refused(_: httpx.Request) -> httpx.Response:
        problem = {"status": 409, "code": "webhooks_off", "detail": "its operator sets REELQUEUE_WEBHOOK_KEY"}
        return httpx.Response(409, json=problem)

    with pytest.raises(ConflictError, match="REELQUEUE_WEBHOOK_KEY"):
        world.run(world.client(refused).webhooks.make(URL))
