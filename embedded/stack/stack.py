"""The whole stack as child processes of this one: started in stages, kept alive, stopped in reverse."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from embedded.errors import ServiceError
from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.ports import PortClaims, loopback_host, loopback_url
from embedded.processes.restart import Ending, KeptAlive
from embedded.servers.postgres import PostgresServer
from embedded.servers.valkey import ValkeyServer
from embedded.stack.service_environment import environment_for
from embedded.stack.service_plan import FLOWER_USER, PREFERRED_PORTS, SCHEMA, Service, plan, python
from embedded.stack.state_folder import StackRecord, StateFolder
from reelqueue.builder import KEY_VARIABLES
from reelqueue.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
"""The checkout."""
SIMULATOR_KEY = "simulator"
"""Any key opens the simulator; a real one must never reach it."""

_READY_SECONDS = 60.0
_PRIVATE_UMASK = 0o077
_LOOK_SECONDS = 0.05
_CALL_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """What a user may choose."""

    state: Path
    """The state folder."""
    is_live: bool = False
    """Render at the provider, for money, instead of in the simulator."""
    archive_url: str | None = None
    """Where finished files are kept; a folder of the state's, if None."""
    is_fresh: bool = False
    """Forget what the folder holds."""
    ports: Mapping[str, int] = field(default_factory=lambda: PREFERRED_PORTS)
    """What a new folder's services listen on."""
    time_scale: float = 20.0
    """The simulator divides render times by it: 150 s take 7.5 s."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Variables of the services, such as other waiting times; the user's own win."""


class Stack:
    """Postgres, Valkey and every service of the plan on one state folder."""

    def __init__(self, options: StackOptions, *, on_progress: Callable[[str], None] = lambda _: None) -> None:
        """Prepare to start.

        Args:
            options: The user's choices.
            on_progress: Is told what is being waited for.
        """
        self.options = options
        self.folder = StateFolder(options.state)
        self.postgres = PostgresServer(self.folder.root / "postgres", logs=self.folder.logs)
        self.valkey = ValkeyServer(self.folder.root / "valkey", logs=self.folder.logs)
        self._on_progress = on_progress
        self._record: StackRecord | None = None
        self._stages: list[dict[str, ChildProcess]] = []
        self._kept: list[KeptAlive] = []
        self._ports = PortClaims()

    @property
    def record(self) -> StackRecord:
        """Ports and credentials; known after the start."""
        if self._record is None:
            raise RuntimeError("the stack was not started")
        return self._record

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to talk to this stack."""
        return self.record.environment

    @property
    def children(self) -> Mapping[str, ChildProcess]:
        """Every process, by service, in the order of the start."""
        return {name: child for stage in self._stages for name, child in stage.items()}

    def url(self, service: str) -> str:
        """Scheme, host and port of the ``api``, ``flower`` or ``simulator`` service."""
        return loopback_url(self.record.ports[service])

    def start(self) -> None:
        """Start everything, and wait until the API takes jobs.

        Raises:
            ConfigurationError: The folder is in use or was made for the other provider, or the key is missing.
            ServiceError: A service did not start; everything else is stopped again.
        """
        if self.options.is_live and not any(os.environ.get(name) for name in KEY_VARIABLES):
            raise ConfigurationError(
                "--live renders at the provider and needs its key: export ALIBABA_API_KEY (or DASHSCOPE_API_KEY); "
                "without --live the simulator renders, for nothing"
            )
        self.folder.lock()
        try:
            if self.options.is_fresh:
                self.folder.clear()
            self._start()
        except BaseException:
            self.stop()
            raise

    def look_after(self) -> list[Ending]:
        """Start again what has ended, and give what is new; call it often."""
        return [ending for kept in self._kept if (ending := kept.look()) is not None]

    def stop(self, *, forget: bool = False) -> None:
        """Stop everything, the last started first; what is unfinished resumes with the next start.

        Args:
            forget: Remove the folder's content too.
        """
        self._kept.clear()
        while self._stages:
            children = list(self._stages[-1].values())
            for child in children:
                child.ask_to_stop()
            for child in children:
                child.stop()
            self._stages.pop()
        if forget:
            self.folder.clear()
        self._ports.release()
        self.folder.unlock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        record = self.folder.open_record(self._ports, is_live=self.options.is_live, preferred_ports=self.options.ports)
        self._on_progress("PostgreSQL and Valkey")
        self._start_servers()
        self._record = replace(record, environment=self._addresses(record))
        self.folder.write_record(self._record)
        services = plan(self._record, self.folder.root, time_scale=self.options.time_scale)
        for _, stage in itertools.groupby(services, key=lambda service: service.stage):
            self._start_stage(list(stage))
        self._kept = [KeptAlive(child) for name, child in self.children.items() if name != SCHEMA]

    def _start_servers(self) -> None:
        self._stages.append({"valkey": self.valkey.child, "postgres": self.postgres.child})
        self.valkey.launch()
        self.postgres.launch()
        self.postgres.wait_until_ready()
        self.postgres.create_database()
        self.valkey.wait_until_ready()

    def _start_stage(self, services: list[Service]) -> None:
        stage = {service.name: self._child(service) for service in services}
        self._stages.append(stage)
        for child in stage.values():
            child.start()
        with httpx.Client(trust_env=False, timeout=_CALL_SECONDS) as http:
            for service in services:
                self._on_progress(service.name)
                _wait(service, stage[service.name], http)

    def _child(self, service: Service) -> ChildProcess:
        command = Command(
            name=service.name,
            arguments=python(service),
            environment=environment_for(service.secrets, self._environment()),
            folder=ROOT,
            stop_seconds=service.stop_seconds,
            # An archive elsewhere may be there for others to read.
            umask=_PRIVATE_UMASK if self.options.archive_url is None else None,
            is_background=service.is_background,
        )
        return ChildProcess(command, logs=self.folder.logs, pids=self.folder.pids)

    def _environment(self) -> dict[str, str]:
        """The user's environment with this stack's addresses in it, of which each service gets its part."""
        inherited = {
            name: value for name, value in os.environ.items() if self.options.is_live or name not in KEY_VARIABLES
        }
        host = loopback_host()
        return {
            "REELQUEUE_WEBHOOK_PRIVATE_HOSTS": f"{host},localhost",  # users of this stack are on this machine
            **self.options.settings,
            **inherited,
            **self.environment,
            # By environment: arguments are visible to every user of the machine.
            "FLOWER_BASIC_AUTH": f"{FLOWER_USER}:{self.record.flower_password}",
            "FLOWER_READ_ONLY": "true",
            "REELQUEUE_WEBHOOK_KEY": self.record.webhook_key,
            # Whatever proxy the user has, it cannot see this machine's loopback.
            **{name: ",".join(filter(None, [os.environ.get(name), host])) for name in ("NO_PROXY", "no_proxy")},
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }

    def _addresses(self, record: StackRecord) -> dict[str, str]:
        addresses = {
            "REELQUEUE_DATABASE_URL": self.postgres.url(),
            "REELQUEUE_BROKER_URL": self.valkey.broker_url,
            "REELQUEUE_RESULT_BACKEND_URL": self.valkey.result_backend_url,
            "REELQUEUE_ARCHIVE_URL": self.options.archive_url or self.folder.archive.as_uri(),
            "REELQUEUE_API_URL": loopback_url(record.ports["api"]),
            "REELQUEUE_FLOWER_URL": loopback_url(record.ports["flower"]),
        }
        if not record.is_live:
            addresses["REELQUEUE_VIDEO_BASE_URL"] = loopback_url(record.ports["simulator"])
            addresses[KEY_VARIABLES[0]] = SIMULATOR_KEY
        return addresses


def _wait(service: Service, child: ChildProcess, http: httpx.Client) -> None:
    if service.name == SCHEMA:
        if child.wait(_READY_SECONDS) != 0:
            raise ServiceError(service.name, f"ended with exit code {child.exit_code}", child.log_path)
    elif service.health_url is not None:
        is_ready = functools.partial(answers, http, service.health_url)
        child.wait_until(is_ready, _READY_SECONDS, interval_seconds=_LOOK_SECONDS)


def answers(http: httpx.Client, url: str) -> bool:
    """Whether a server answers a GET with success."""
    with contextlib.suppress(httpx.TransportError):
        return http.get(url).is_success
    return False
