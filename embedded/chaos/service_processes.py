"""The services of the stack that chaos plays on; each may be killed, and comes back at the same address."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Final

import httpx
from alembic import command
from alembic.config import Config
from pydantic import SecretStr

from embedded.chaos.short_timings import simulation
from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.ports import PortClaims, loopback_host, loopback_url
from embedded.processes.server_folders import remove_folder
from embedded.servers.postgres import USER, PostgresServer
from embedded.servers.valkey import ValkeyServer
from embedded.stack.stack import ROOT, answers
from workers.failpoints import VARIABLE

_START_SECONDS: Final = 60.0
_CALL_SECONDS: Final = 30.0
KEY: Final = "sk-chaos"
"""The provider's key of the workers."""
WEBHOOK_KEY: Final = SecretStr("what the secrets of webhooks are derived from here")


class ServiceProcesses:
    """PostgreSQL, Valkey and the simulator of one folder."""

    def __init__(self, folder: Path, *, time_scale: float) -> None:
        self.folder = folder
        self.postgres = PostgresServer(folder / "postgres", logs=folder / "logs")
        self.valkey = ValkeyServer(folder / "valkey", logs=folder / "logs")
        self._time_scale = time_scale
        self._behaviour: dict[str, object] = {}
        self._ports = PortClaims()
        port = self._ports.claim_free()
        arguments = [sys.executable, "-m", "simulator", "--port", str(port), "--state", str(folder / "simulator")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        run = Command(name="simulator", arguments=arguments, environment=environment, folder=ROOT)
        self.simulator = ChildProcess(run, logs=folder / "logs", pids=folder / "pids")
        self.base_url = loopback_url(port)
        self.control = httpx.Client(base_url=f"{self.base_url}/__sim__/", trust_env=False, timeout=_CALL_SECONDS)
        """The simulator's control plane."""

    @property
    def archive(self) -> Path:
        """Where finished files are kept."""
        return self.folder / "archive"

    @property
    def failpoints(self) -> Path:
        """Where failpoints are armed, for every host."""
        return self.folder / "failpoints"

    def start(self) -> None:
        """Start everything, empty."""
        self.failpoints.mkdir(parents=True, exist_ok=True)
        self.revive()
        self._behaviour = self.control.get("config").raise_for_status().json() | simulation(self._time_scale)
        self.empty()

    def revive(self) -> None:
        """Start whatever does not run, with what it knew."""
        if not self.valkey.child.is_running:
            self.valkey.start()
        if not self.postgres.child.is_running:
            self.postgres.start()
        if not self.simulator.is_running:
            self.simulator.start()
            self.simulator.wait_until(functools.partial(answers, self.control, "health"), _START_SECONDS)

    def empty(self) -> None:
        """Forget every job, message, task, charge, fault and file."""
        self.postgres.drop_database(USER)
        self.postgres.create_database()
        config = Config(ROOT / "alembic.ini")
        config.attributes["database_url"] = self.postgres.url()
        command.upgrade(config, "head")
        self.valkey.flush()
        self.control.post("reset").raise_for_status()
        self.control.post("config", json=self._behaviour).raise_for_status()
        remove_folder(self.archive)
        self.disarm()

    def disarm(self) -> None:
        """No failpoint waits for anybody, and none was met."""
        for armed in self.failpoints.iterdir():
            armed.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop everything."""
        self.control.close()
        for child in (self.simulator, self.postgres.child, self.valkey.child):
            child.stop()
        self._ports.release()
        remove_folder(self.folder / "postgres")

    def environment(self) -> dict[str, str]:
        """The environment of a worker; nothing of this machine's own settings is in it."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("REELQUEUE_")}
        return inherited | {
            "REELQUEUE_DATABASE_URL": self.postgres.url(),
            "REELQUEUE_BROKER_URL": self.valkey.broker_url,
            "REELQUEUE_RESULT_BACKEND_URL": self.valkey.result_backend_url,
            "REELQUEUE_VIDEO_BASE_URL": self.base_url,
            "REELQUEUE_ARCHIVE_URL": self.archive.as_uri(),
            "ALIBABA_API_KEY": KEY,
            "REELQUEUE_WEBHOOK_KEY": WEBHOOK_KEY.get_secret_value(),
            "REELQUEUE_WEBHOOK_PRIVATE_HOSTS": loopback_host(),
            "PYTHONUNBUFFERED": "1",
            VARIABLE: str(self.failpoints),
        }
