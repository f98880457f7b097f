"""Result URLs: signed, expiring, and what they serve."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from tests.simulator.conftest import Wire


def test_a_result_is_an_mp4(wire: Wire) -> None:
    answer = wire.client.get(url_of(wire))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    with av.open(io.BytesIO(answer.content)) as container:
        assert container.streams.video[0].codec_context.name == "h264"


def test_a_part_of_a_result_can_be_fetched(wire: Wire) -> None:
    url = url_of(wire)
    whole = wire.client.get(url).content

    part = wire.client.get(url, headers={"Range": "bytes=10-19"})

    assert (part.status_code, part.content) == (206, whole[10:20])


def test_a_result_can_be_asked_for_its_size(wire: Wire) -> None:
    url = url_of(wire)

    answer = wire.client.request("HEAD", url)

    assert int(answer.headers["content-length"]) == len(wire.client.get(url).content)


def test_no_key_is_needed(wire: Wire) -> None:
    assert wire.client.get(url_of(wire), headers={"Authorization": ""}).status_code == 200


def test_an_expired_url_answers_403_in_xml(wire: Wire) -> None:
    url = url_of(wire)
    wire.bench.after(86_400)

    answer = wire.client.get(url)

    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/xml")
    assert "<Code>AccessDenied</Code>" in answer.text


def test_a_changed_url_answers_403_in_xml(wire: Wire) -> None:
    answer = wire.client.get(url_of(wire).replace("Expires=1", "Expires=9"))

    assert answer.status_code == 403
    assert "SignatureDoesNotMatch" in answer.text


def test_the_same_file_is_served_each_time(wire: Wire) -> None:
    url = url_of(wire)

    assert wire.client.get(url).content == wire.client.get(url).content


def url_of(wire: Wire) -> str:
    """The result URL of a succeeded task."""
    url: str = wire.query(wire.succeeded())["output"]["video_url"]
    return url
