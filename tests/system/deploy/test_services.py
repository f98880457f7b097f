"""Each service's own command and health check, run as processes on this machine's Postgres and Valkey.

What this cannot show is what only an engine does: images, users, read-only roots, networks and volumes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from embedded.servers.postgres import PostgresServer
from embedded.servers.valkey import ValkeyServer
from reelqueue import Client, TextToVideo
from tests.system.deploy import dockerfile
from tests.system.deploy.compose import OURS, SECRETS, config
from tests.system.deploy.containers import Container, Host

START_SECONDS = 120.0
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("deploy")]

Containers = dict[str, Container]
Content = dict[Path, int]
"""Time of the last change of each file and folder, in nanoseconds."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """With the image's content, and nothing else."""
    host = Host.at(tmp_path_factory.mktemp("host"))
    host.image.mkdir()
    dockerfile.copy_into(host.image)
    return host


@pytest.fixture(scope="module")
def image_content(host: Host) -> Content:
    """As it was before anything ran."""
    return _content(host.image)


@pytest.fixture(scope="module")
def valkey(host: Host) -> Iterator[ValkeyServer]:
    """A broker of their own, as other tests empty theirs."""
    with ValkeyServer(host.folder / "valkey") as server:
        yield server


@pytest.fixture(scope="module")
def containers(
    host: Host, image_content: Content, postgres_server: PostgresServer, valkey: ValkeyServer
) -> Iterator[Containers]:
    """Every service of ours, in the order of compose, each healthy."""
    postgres_server.create_database("compose")
    environment = SECRETS | {
        "REELQUEUE_DATABASE_URL": postgres_server.url("compose"),
        "REELQUEUE_BROKER_URL": valkey.broker_url,
        "REELQUEUE_RESULT_BACKEND_URL": valkey.result_backend_url,
        "REELQUEUE_VIDEO_BASE_URL": host.url("8080"),
        "SIMULATOR_TIME_SCALE": "100",
    }
    services = config(environment)["services"]
    containers = {name: Container(name, services[name], host) for name in OURS}
    try:
        _start(containers)
        yield containers
    finally:
        for container in reversed(containers.values()):
            container.process.stop()


@pytest.fixture
def client(containers: Containers, host: Host) -> Iterator[Client]:
    """A producer."""
    with Client(host.url("8000")) as client:
        yield client


@pytest.mark.parametrize("name", [name for name in OURS if name != "migrate"])
def test_its_health_check_passes(containers: Containers, name: str) -> None:
    assert containers[name].is_healthy(), containers[name].process.log_path.read_text()


def test_together_they_render_a_clip(client: Client, tmp_path: Path) -> None:
    job = client.submit(_clip("a paper boat"))

    job.wait(timeout_seconds=60)
    job.download(tmp_path / "boat.mp4")

    assert (tmp_path / "boat.mp4").stat().st_size > 1000


def test_a_broker_that_forgets_everything_loses_no_job(client: Client, valkey: ValkeyServer) -> None:
    jobs = [client.submit(_clip(f"[[run=300]] a paper boat, {number}")) for number in range(3)]

    valkey.flush()

    assert [job.wait(timeout_seconds=90).state for job in jobs] == ["succeeded"] * 3


def test_flower_is_locked(containers: Containers, host: Host) -> None:
    assert httpx.get(f"{host.url('5555')}/tasks", trust_env=False).status_code == 401


def test_they_write_nothing_beside_their_volumes_and_temporary_files(
    containers: Containers, host: Host, image_content: Content
) -> None:
    assert _content(host.image) == image_content


def _clip(prompt: str) -> TextToVideo:
    return TextToVideo(model="wan2.6-t2v", prompt=prompt, resolution="1280x720", poll_interval_ms=200)


def _content(folder: Path) -> Content:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def _start(containers: Containers) -> None:
    migrate = containers["migrate"].process
    migrate.start()
    assert migrate.wait(START_SECONDS) == 0, migrate.log_path.read_text()
    started = [container for name, container in containers.items() if name != "migrate"]
    for container in started:
        container.process.start()
    for container in started:
        container.process.wait_until(container.is_healthy, START_SECONDS, interval_seconds=0.25)
