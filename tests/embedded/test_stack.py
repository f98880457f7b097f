"""The stack before anything runs: what it refuses, and what its services are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from embedded.errors import BinaryNotFoundError
from embedded.servers.binaries import postgres_bin, valkey_server
from embedded.stack.service_plan import SCHEMA, WORKERS, plan
from embedded.stack.stack import Stack, StackOptions
from embedded.stack.state_folder import StackRecord
from reelqueue.builder import KEY_VARIABLES
from reelqueue.errors import ConfigurationError
from reelqueue.messages import QUEUE_BY_TASK

PORTS = {"api": 1, "flower": 2, "simulator": 3}


def test_live_without_a_key_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ConfigurationError, match="export ALIBABA_API_KEY"):
        Stack(StackOptions(state=tmp_path / "state", is_live=True)).start()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("variable", "find"), [("PG_BIN", postgres_bin), ("VALKEY_SERVER", valkey_server)])
def test_a_wrong_choice_of_a_server_is_an_error(
    monkeypatch: pytest.MonkeyPatch, variable: str, find: Callable[[], Path]
) -> None:
    monkeypatch.setenv(variable, "/nowhere")

    with pytest.raises(BinaryNotFoundError, match=variable):
        find()


def test_live_jobs_never_meet_the_simulator(tmp_path: Path) -> None:
    services = plan(StackRecord(is_live=True, ports=PORTS), tmp_path, time_scale=1)

    assert "simulator" not in {service.name for service in services}


def test_the_users_key_never_reaches_the_simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_API_KEY", "real")
    monkeypatch.setenv("DASHSCOPE_API_KEY", "real")
    stack = Stack(StackOptions(state=tmp_path))
    record = StackRecord(is_live=False, ports=PORTS)
    stack._record = StackRecord(is_live=False, ports=PORTS, environment=stack._addresses(record))

    assert "real" not in stack._environment().values()


CANARIES = {
    "ALIBABA_API_KEY": {"control", "render", "poll", "text"},
    "SECOND_ACCOUNT": {"control", "render", "poll", "text"},  # accounts add --key-env SECOND_ACCOUNT
    "HTTPS_PROXY": {"control", "render", "poll", "text"},
    "AWS_SECRET_ACCESS_KEY": {"api", "control", "render"},
    "AZURE_STORAGE_ACCOUNT_KEY": {"api", "control", "render"},
    "REELQUEUE_WEBHOOK_KEY": {"api", "render"},
    "REELQUEUE_API_SESSION_KEY": {"api"},
    "FLOWER_BASIC_AUTH": {"flower"},
    "GITHUB_TOKEN": {"control", "render", "poll", "text"},  # may be an account's; no name tells
}


def test_each_service_has_the_secrets_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CANARIES:
        monkeypatch.setenv(name, "canary")
    stack = Stack(StackOptions(state=tmp_path, is_live=True))
    stack._record = StackRecord(is_live=True, ports=PORTS)

    for name, owners in CANARIES.items():
        has_it = {
            service.name
            for service in plan(StackRecord(is_live=False, ports=PORTS), tmp_path, time_scale=1)
            if name in stack._child(service).command.environment
        }
        assert has_it == owners, name
    for service in plan(stack.record, tmp_path, time_scale=1):
        environment = stack._child(service).command.environment
        assert {"PATH", "PYTHONPATH", "REELQUEUE_WEBHOOK_PRIVATE_HOSTS"} <= set(environment)


def test_every_queue_has_a_worker(tmp_path: Path) -> None:
    services = plan(StackRecord(is_live=False, ports=PORTS), tmp_path, time_scale=1)
    workers = [service.arguments for service in services if service.name in WORKERS]
    served = {queue for arguments in workers for queue in arguments[arguments.index("-Q") + 1].split(",")}

    assert set(QUEUE_BY_TASK.values()) <= served


def test_workers_start_after_the_schema(tmp_path: Path) -> None:
    services = plan(StackRecord(is_live=False, ports=PORTS), tmp_path, time_scale=1)
    stages = {service.name: service.stage for service in services}

    assert all(stages[worker] > stages[SCHEMA] for worker in (*WORKERS, "beat"))


def test_no_secret_is_among_the_arguments(tmp_path: Path) -> None:
    record = StackRecord(is_live=False, ports=PORTS, flower_password="hunter2")

    for service in plan(record, tmp_path, time_scale=1):
        assert not any("hunter2" in argument for argument in service.arguments)
