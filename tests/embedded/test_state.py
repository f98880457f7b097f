"""The state folder: one user at a time, nothing secret in the open, nothing paid for by mistake."""

from __future__ import annotations

import os
import socket
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from embedded.errors import StateInUseError
from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.ports import PortClaims, loopback_host
from embedded.stack.state_folder import StackRecord, StateFolder
from reelqueue.errors import ConfigurationError


def test_a_second_start_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    first = StateFolder(tmp_path).lock()

    with pytest.raises(StateInUseError, match=f"in use by process {os.getpid()}"):
        StateFolder(tmp_path).lock()
    first.unlock()


def test_an_unlocked_folder_can_be_used_again(tmp_path: Path) -> None:
    StateFolder(tmp_path).lock().unlock()

    StateFolder(tmp_path).lock().unlock()


@pytest.mark.parametrize("exists", [True, False])
def test_the_folder_is_closed_to_others_whatever_the_umask(tmp_path: Path, *, exists: bool) -> None:
    root = tmp_path / "state"
    before = os.umask(0)
    try:
        if exists:
            root.mkdir()
        StateFolder(root).lock().unlock()
    finally:
        os.umask(before)

    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert [stat.S_IMODE(entry.stat().st_mode) for entry in root.iterdir()] == [0o600]


def test_files_of_services_are_their_owners(tmp_path: Path) -> None:
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"
    command = Command(name="beat", arguments=[sys.executable, "-c", code, str(tmp_path / "file")], umask=0o077)
    child = ChildProcess(command, logs=tmp_path, pids=tmp_path)
    child.start()

    assert child.wait(60) == 0
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_ports_and_password_stay_the_same(tmp_path: Path) -> None:
    record = open_record(tmp_path)
    StateFolder(tmp_path).write_record(record)

    assert open_record(tmp_path) == record


def test_a_taken_port_is_replaced(tmp_path: Path) -> None:
    with socket.create_server((loopback_host(), 0)) as stranger:
        taken = stranger.getsockname()[1]

        assert open_record(tmp_path, api=taken).ports["api"] != taken


def test_the_simulators_port_never_moves(tmp_path: Path) -> None:
    record = open_record(tmp_path)
    StateFolder(tmp_path).write_record(record)
    port = record.ports["simulator"]

    with (
        socket.create_server((loopback_host(), port)),
        pytest.raises(ConfigurationError, match=f"port {port} is taken"),
    ):
        open_record(tmp_path)


@pytest.mark.parametrize("was_live", [True, False])
def test_jobs_are_never_handed_to_the_other_provider(tmp_path: Path, *, was_live: bool) -> None:
    StateFolder(tmp_path).write_record(open_record(tmp_path, is_live=was_live))

    with pytest.raises(ConfigurationError, match="--state"):
        open_record(tmp_path, is_live=not was_live)


def test_the_record_is_readable_for_its_owner_only(tmp_path: Path) -> None:
    StateFolder(tmp_path).write_record(replace(open_record(tmp_path), environment={"ALIBABA_API_KEY": "key"}))

    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600


def test_clearing_forgets_everything_but_the_lock(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path).lock()
    folder.logs.mkdir()
    (folder.logs / "api.log").touch()

    folder.clear()

    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    folder.unlock()


def open_record(root: Path, *, is_live: bool = False, api: int | None = None) -> StackRecord:
    """What a start would find."""
    claims = PortClaims()
    preferred = {"simulator": claims.claim_free(), "api": api or claims.claim_free()}
    claims.release()
    try:
        return StateFolder(root).open_record(claims, is_live=is_live, preferred_ports=preferred)
    finally:
        claims.release()
