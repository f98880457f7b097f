"""compose.yaml: who may see, reach and change what."""

from __future__ import annotations

from typing import Any

import pytest

from reelqueue.loopback import is_loopback
from tests.system.deploy.compose import OURS, SECRETS, Service, option


@pytest.mark.parametrize(
    ("secret", "holders"),
    [
        ("pg-secret", {"postgres", "migrate", "api", "control", "render", "poll", "text"}),
        ("fl-secret", {"flower"}),
        ("sk-secret", {"render", "poll", "text"}),
    ],
)
def test_a_secret_is_where_it_is_used(services: dict[str, Service], secret: str, holders: set[str]) -> None:
    told = {name for name, one in services.items() if secret in " ".join(map(str, one.get("environment", {}).values()))}

    assert told == holders


def test_no_secret_stands_in_a_command(services: dict[str, Service]) -> None:
    commands = " ".join(
        " ".join([*one["command"], *one.get("healthcheck", {}).get("test", [])]) for one in services.values()
    )

    assert not [value for value in SECRETS.values() if value in commands]


def test_every_service_is_locked(services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_only_our_image_leaves_its_user_to_the_image(services: dict[str, Service]) -> None:
    users = {name: service.get("user") for name, service in services.items()}

    assert {name: user for name, user in users.items() if user} == {"postgres": "postgres", "valkey": "valkey"}
    assert {name for name, user in users.items() if not user} == set(OURS)


def test_ports_are_published_on_this_host_only(services: dict[str, Service]) -> None:
    published = {name: [port["host_ip"] for port in one["ports"]] for name, one in services.items() if "ports" in one}

    assert published == {"api": ["127.0.0.1"], "flower": ["127.0.0.1"]}


def test_the_api_asks_every_caller_for_a_key(services: dict[str, Service]) -> None:
    assert not is_loopback(option(services["api"], "--host"))
    assert "REELQUEUE_API_REQUIRE_KEY" not in services["api"]["environment"]


def test_record_and_broker_have_no_way_out(compose: dict[str, Any]) -> None:
    services: dict[str, Service] = compose["services"]

    assert compose["networks"]["store"]["internal"] is True
    assert [list(services[name]["networks"]) for name in ("postgres", "valkey")] == [["store"], ["store"]]


def test_the_api_cannot_change_the_archive(services: dict[str, Service]) -> None:
    assert [volume["read_only"] for volume in services["api"]["volumes"]] == [True]
