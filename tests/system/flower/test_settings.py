"""flowerconfig.py: Flower starts locked, or not at all."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from tests.conftest import ROOT, free_port
from tests.system.flower.site import PASSWORD, Site, environment_for

pytestmark = pytest.mark.xdist_group("flower")


@pytest.mark.parametrize("login", [None, "", "operator", "operator:secret,guest:"])
def test_it_does_not_start_without_a_login(login: str | None) -> None:
    environment = environment_for(free_port())
    del environment["FLOWER_BASIC_AUTH"]

    ended = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "workers.app", "flower"],
        env=environment | ({} if login is None else {"FLOWER_BASIC_AUTH": login}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "set FLOWER_BASIC_AUTH=USER:PASSWORD" in ended.stderr


def test_it_does_not_start_with_a_login_that_it_could_not_compare() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "workers.app", "flower"],
        env=environment_for(free_port()) | {"FLOWER_BASIC_AUTH": "käthe:geheim"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "FLOWER_BASIC_AUTH has a letter beyond ASCII" in ended.stderr


def test_it_listens_on_this_machine_only(site: Site) -> None:
    process = psutil.Process(site.children["flower"].pid)
    listening = [one.laddr.ip for one in process.net_connections() if one.status == psutil.CONN_LISTEN]

    assert listening == ["127.0.0.1"]


def test_the_list_of_processes_shows_no_password(site: Site) -> None:
    shown = [" ".join(psutil.Process(child.pid).cmdline()) for child in site.children.values()]

    assert not [line for line in shown if PASSWORD in line]
