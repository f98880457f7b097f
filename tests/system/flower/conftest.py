"""A site that has been through everything, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery
from playwright.sync_api import Browser, BrowserContext, Page

from embedded.servers.postgres import PostgresServer
from embedded.servers.valkey import ValkeyServer
from models.session import make_engine
from tests.conftest import TEMPLATE, Simulator, free_port
from tests.support.shared_stacks import SharedStack, sharing
from tests.system.flower import story
from tests.system.flower.site import PASSWORD, USER, Site, environment_for, running, wait_until_watched


@pytest.fixture(scope="session")
def sites(
    request: pytest.FixtureRequest,
    postgres_server: PostgresServer,
    simulator_process: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SharedStack[Site]]:
    """Starts a site when a test needs one."""
    start = partial(_running, postgres_server, simulator_process, tmp_path_factory)
    with sharing(request.session, Path(__file__).parent, start) as sites:
        yield sites


@pytest.fixture(scope="module")
def site(sites: SharedStack[Site]) -> Site:
    """A worker and Flower after some renders and failures; with a broker of their own, as other tests empty theirs."""
    return sites.get()


@contextmanager
def _running(
    postgres_server: PostgresServer, simulator_process: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    name = f"site_{uuid4().hex}"
    postgres_server.create_database(name, template=TEMPLATE)
    database_url, port = postgres_server.url(name), free_port()
    simulator_process.control.post("reset").raise_for_status()
    simulator_process.control.post("faults", json=story.FAULT).raise_for_status()
    with ValkeyServer(folder / "valkey") as valkey:
        environment = environment_for(
            port,
            REELQUEUE_DATABASE_URL=database_url,
            REELQUEUE_BROKER_URL=valkey.broker_url,
            REELQUEUE_RESULT_BACKEND_URL=valkey.result_backend_url,
            REELQUEUE_VIDEO_BASE_URL=simulator_process.base_url,
            REELQUEUE_ARCHIVE_URL=(folder / "archive").as_uri(),
        )
        engine = make_engine(database_url)
        producer = Celery("another-app", broker=valkey.broker_url, set_as_current=False)
        with running(environment, folder) as children:
            site = Site(f"http://127.0.0.1:{port}", producer, engine, folder, children)
            wait_until_watched(site)
            story.tell(site)
            yield site
            site.close()
        producer.close()
        engine.dispose()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """An operator's page: logged in."""
    context = browser.new_context(
        base_url=site.base_url,
        http_credentials={"username": USER, "password": PASSWORD},
        viewport={"width": 1600, "height": 900},
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def strange_context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """A browser of somebody without a login."""
    context = browser.new_context(base_url=site.base_url)
    yield context
    context.close()
