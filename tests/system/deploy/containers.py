"""Compose's services as processes: their own commands, environments and health checks, at addresses of this machine.

Each runs in a copy of what the image holds, with nothing of this machine's environment but where Python is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded.processes.child_process import ChildProcess, Command
from tests.conftest import free_port
from tests.system.deploy.compose import Service

HOST = "127.0.0.2"
"""Every interface, to a container. Not 127.0.0.1, which is known for the simulator's."""
CONTAINER_PORTS = ("8000", "5555", "8080")
STATE = "/var/lib/reelqueue"


@dataclass(frozen=True)
class Host:
    """Where containers would run."""

    folder: Path
    """Holds the image's working folder, the volumes and each container's temporary files."""
    ports: dict[str, int]
    """This machine's, by the port inside."""

    @classmethod
    def at(cls, folder: Path) -> Host:
        """With free ports."""
        return cls(folder, {port: free_port() for port in CONTAINER_PORTS})

    @property
    def image(self) -> Path:
        """The image's working folder."""
        return self.folder / "app"

    def url(self, port: str) -> str:
        """Of a port inside."""
        return f"http://{HOST}:{self.ports[port]}"


class Container:
    """One service."""

    def __init__(self, name: str, service: Service, host: Host) -> None:
        self.name = name
        self._service = service
        self._host = host
        command = Command(
            name=name, arguments=self._here(service["command"]), environment=self._environment(), folder=host.image
        )
        self.process = ChildProcess(command, logs=host.folder / "logs", pids=host.folder / "pids")

    def is_healthy(self) -> bool:
        """Whether its own health check passes."""
        word, *check = self._service["healthcheck"]["test"]
        assert word == "CMD"
        checked = subprocess.run(
            self._here(check), env=self._environment(), cwd=self._host.image, check=False, capture_output=True
        )
        return checked.returncode == 0

    def _environment(self) -> dict[str, str]:
        given = self._service.get("environment") or {}
        inside = {
            "REELQUEUE_ARCHIVE_URL": f"file://{STATE}/archive",  # as the image sets it
            "FLOWER_PORT": "5555",  # as Flower has it
            **{name: str(value) for name, value in given.items()},
        }
        here = {name: self._place(value) for name, value in inside.items()}
        return here | {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def _here(self, words: Sequence[str]) -> list[str]:
        return [self._place(word) for word in words]

    def _place(self, word: str) -> str:
        """A word of the file with this machine's address, port or folder in it."""
        for port, ours in self._host.ports.items():
            word = re.sub(rf"(^|:){port}\b", rf"\g<1>{ours}", word)
        word = re.sub(r"\b0\.0\.0\.0\b|\b127\.0\.0\.1\b", HOST, word)
        temporary = re.fullmatch(r"(/tmp)/(\w+)", word)
        return str(self._scratch / temporary[2]) if temporary else word.replace(STATE, str(self._host.folder))

    @property
    def _scratch(self) -> Path:
        place = self._host.folder / "tmp" / self.name
        place.mkdir(parents=True, exist_ok=True)
        return place
