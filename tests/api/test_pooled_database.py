from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from api.settings import ApiSettings
from tests.api.conftest import request, serving
from tests.conftest import free_port
from tests.support.pgbouncer import pooling

REQUESTS = 160


def test_an_api_behind_a_pooler_stores_what_many_producers_send_at_once(database_url: str, broker_url: str) -> None:
    with TemporaryDirectory(prefix="rq-pooler-") as folder, pooling(database_url, Path(folder), free_port()) as url:
        settings = ApiSettings(database_url=url, broker_url=broker_url, archive_url=f"file:{folder}/archive")
        with serving(settings) as api, ThreadPoolExecutor(16) as producers:
            bodies = [request(prompt=f"boat {number}") for number in range(REQUESTS)]
            statuses = list(producers.map(lambda body: api.post("/v1/jobs", json=body).status_code, bodies))
            ready = api.get("/readyz")

    assert statuses == [201] * REQUESTS
    assert ready.status_code == 200
