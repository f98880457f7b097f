"""The state folder: one user at a time, nothing secret in the open, nothing paid for by mistake."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from embedded.errors import StateInUseError
from embedded.state import HOST, StateFolder, free_port, is_free
from reelqueue.errors import ConfigurationError


def test_a_second_start_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    first = StateFolder(tmp_path).lock()

    with pytest.raises(StateInUseError, match=f"in use by process {os.getpid()}"):
        StateFolder(tmp_path).lock()
    first.unlock()


def test_an_unlocked_folder_can_be_used_again(tmp_path: Path) -> None:
    StateFolder(tmp_path).lock().unlock()

    StateFolder(tmp_path).lock().unlock()


def test_ports_and_password_stay_the_same(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    record = folder.open_record(is_live=False, preferred_ports={"simulator": free_port(), "api": free_port()})
    folder.write_record(record)

    assert folder.open_record(is_live=False, preferred_ports={"simulator": 1, "api": 1}) == record


def test_a_taken_port_is_replaced(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as stranger:
        taken = stranger.getsockname()[1]
        record = StateFolder(tmp_path).open_record(is_live=False, preferred_ports={"simulator": 1, "api": taken})

    assert record.ports["api"] != taken
    assert is_free(record.ports["api"])


def test_the_simulators_port_never_moves(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.write_record(folder.open_record(is_live=False, preferred_ports={"simulator": free_port()}))
    port = folder.open_record(is_live=False, preferred_ports={}).ports["simulator"]

    with socket.create_server((HOST, port)), pytest.raises(ConfigurationError, match=f"port {port} is taken"):
        folder.open_record(is_live=False, preferred_ports={})


@pytest.mark.parametrize("was_live", [True, False])
def test_jobs_are_never_handed_to_the_other_provider(tmp_path: Path, *, was_live: bool) -> None:
    folder = StateFolder(tmp_path)
    folder.write_record(folder.open_record(is_live=was_live, preferred_ports={"simulator": free_port()}))

    with pytest.raises(ConfigurationError, match="--state"):
        folder.open_record(is_live=not was_live, preferred_ports={})


def test_the_record_is_readable_for_its_owner_only(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    record = folder.open_record(is_live=False, preferred_ports={"simulator": free_port()})
    folder.write_record(replace(record, environment={"ALIBABA_API_KEY": "secret"}))

    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600


def test_clearing_forgets_everything_but_the_lock(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path).lock()
    folder.logs.mkdir()
    (folder.logs / "api.log").touch()

    folder.clear()

    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    folder.unlock()
