"""compose.yaml: valid, locked, and complete."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from api.settings import ApiSettings
from embedded.stack.service_plan import PREFERRED_PORTS, plan
from embedded.stack.state_folder import StackRecord
from models.session import STATEMENT_TIMEOUT_SECONDS
from models.settings import ServiceSettings, WebhookSettings
from tests.conftest import ROOT
from tests.system.deploy.compose import FILE, SECRETS, Service, docker_compose, option
from workers.dashscope.client import TimeLimits
from workers.queues import QueueName
from workers.settings import ArchiveSettings, CelerySettings, PollSettings, ProviderSettings, TextSettings

READ_ELSEWHERE = {"REELQUEUE_FLOWER_URL"}  # by `python -m workers doctor`


def test_docker_compose_accepts_it() -> None:
    read = docker_compose("config", "--quiet")

    assert (read.returncode, read.stderr) == (0, "")


def test_it_keeps_to_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]

    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_secret_is_named(name: str, value: str | None) -> None:
    environment = {**SECRETS, name: value} if value is not None else {k: v for k, v in SECRETS.items() if k != name}

    read = docker_compose("config", "--quiet", environment=environment)

    assert read.returncode != 0
    assert f"required variable {name} is missing a value: set it to" in read.stderr


def test_every_queue_is_served_by_one_service(services: dict[str, Service]) -> None:
    served = [queue for service in services.values() for queue in option(service, "-Q").split(",") if queue]

    assert sorted(served) == sorted(QueueName)


def test_its_workers_are_those_of_the_embedded_stack(services: dict[str, Service]) -> None:
    record = StackRecord(is_live=True, ports=dict(PREFERRED_PORTS))
    embedded = {
        _node(one.arguments): one.arguments for one in plan(record, ROOT, time_scale=1) if "-Q" in one.arguments
    }
    here = {_node(service["command"]): service["command"] for service in services.values() if option(service, "-Q")}

    assert {node: _essence(command) for node, command in here.items()} == {
        node: _essence(command) for node, command in embedded.items()
    }


def test_every_variable_is_a_setting(services: dict[str, Service]) -> None:
    groups = (
        ServiceSettings,
        WebhookSettings,
        ApiSettings,
        ProviderSettings,
        PollSettings,
        ArchiveSettings,
        CelerySettings,
        TextSettings,
    )
    known = {f"{group.model_config['env_prefix']}{name}".upper() for group in groups for name in group.model_fields}
    used = {name for one in services.values() for name in one.get("environment", {}) if name.startswith("REELQUEUE_")}

    assert used - known == READ_ELSEWHERE


def test_what_must_last_is_in_a_volume(services: dict[str, Service]) -> None:
    places = {
        name: [(one["source"], one["target"]) for one in each.get("volumes", [])] for name, each in services.items()
    }

    assert places["postgres"] == [("postgres", "/var/lib/postgresql")]  # of image 18; /var/lib/postgresql/data before
    assert places["valkey"] == [("valkey", "/data")]
    assert places["render"] == places["control"] == places["api"] == [("archive", "/var/lib/reelqueue/archive")]


def test_everything_that_stays_up_is_started_again_and_watched(services: dict[str, Service]) -> None:
    staying = {name: service for name, service in services.items() if name != "migrate"}

    assert {service["restart"] for service in staying.values()} == {"unless-stopped"}
    assert {name for name, service in staying.items() if "healthcheck" not in service} == set()


def test_whoever_uses_the_database_waits_for_the_migrations(services: dict[str, Service]) -> None:
    users = {name for name, one in services.items() if "REELQUEUE_DATABASE_URL" in one.get("environment", {})}

    for name in users - {"migrate"}:
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully", name
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services["migrate"]["restart"] == "no"


@pytest.mark.parametrize(
    ("name", "longest_step_seconds"),
    [
        ("render", ArchiveSettings().timeout_seconds),
        ("poll", 2 + TimeLimits().query),
        ("text", TextSettings().total_seconds),
        ("control", STATEMENT_TIMEOUT_SECONDS),
        ("api", 10),
    ],
)
def test_a_stop_waits_for_the_longest_step(
    services: dict[str, Service], name: str, longest_step_seconds: float
) -> None:
    assert _duration(services[name]["stop_grace_period"]).total_seconds() > longest_step_seconds


def test_images_are_named_without_a_registry(services: dict[str, Service]) -> None:
    images = {service["image"] for service in services.values()}

    assert images == {"postgres:18", "valkey/valkey:9", "reelqueue"}


def _node(command: list[str] | tuple[str, ...]) -> str:
    return command[command.index("-n") + 1]


def _essence(command: list[str] | tuple[str, ...]) -> set[str]:
    """Options and values without what belongs to logs."""
    return set(command) - {"--loglevel", "INFO"}


def _duration(text: str) -> timedelta:
    minutes, _, seconds = text.rpartition("m")
    return timedelta(minutes=int(minutes or 0), seconds=int(seconds.removesuffix("s") or 0))
