"""A simulator on another host of a private network, as in compose.yaml, gives results over plain http."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.archive.download import DownloadError, fetch
from workers.settings import DownloadLimits, ProviderSettings


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://dashscope-intl.aliyuncs.com", None),
        ("http://simulator:8080", "simulator"),
        ("http://127.0.0.1:8090", "127.0.0.1"),
    ],
)
def test_a_provider_without_tls_is_the_simulator(base_url: str, host: str | None) -> None:
    assert ProviderSettings.plain_host(base_url) == host


@pytest.mark.parametrize(
    ("url", "plain_host"),
    [
        ("ftp://results.test/a.mp4", None),
        ("https://127.0.0.1/a.mp4", None),
        ("https://127.0.0.1/a.mp4", "simulator"),
        ("http://user@simulator/a.mp4", "simulator"),
        ("ftp://simulator/a.mp4", "simulator"),
    ],
)
def test_a_result_from_anywhere_else_needs_tls(url: str, plain_host: str | None, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="the result's URL"):
        fetch(url, tmp_path / "a.mp4", limits=DownloadLimits(1, 1, 1, 1), plain_host=plain_host)
