"""Where bytes really go when somebody else has chosen the host."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
import pytest

from reelqueue.egress import PinnedTransport, Resolve, look_up, transport_to
from reelqueue.url_safety import UnsafeUrlError
from tests.conftest import free_port
from tests.support.loopback import hangs_up, says, serving

PUBLIC, OTHER, INSIDE = "93.184.216.34", "2606:4700:4700::1111", "10.0.0.1"


class Recorder(httpx.AsyncBaseTransport):
    """Sends nothing; notes what it was asked to send, and takes connections to some addresses only."""

    def __init__(self, *, refuses: Sequence[str] = ()) -> None:
        self.requests: list[httpx.Request] = []
        self._refuses = refuses

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host in self._refuses:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(204, request=request)


class Resolver:
    """Answers look-ups in turn, as whoever owns the name likes."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.count = 0

    async def __call__(self, _name: str, _port: int) -> Sequence[str]:
        self.count += 1
        return self._answers.pop(0)


def send(
    url: str, resolve: Resolve, inner: httpx.AsyncBaseTransport | None = None, *allowed: str, own: str | None = None
) -> httpx.Response:
    async def once() -> httpx.Response:
        networks = [ipaddress.ip_network(own)] if own else []
        transport = PinnedTransport(private_hosts=allowed, own_networks=networks, resolve=resolve, inner=inner)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.get(url)

    return asyncio.run(once())


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    recorder = Recorder()

    send("https://result.example:8443/clip.mp4?a=b", Resolver([PUBLIC]), recorder)

    (sent,) = recorder.requests
    assert str(sent.url) == f"https://{PUBLIC}:8443/clip.mp4?a=b"
    assert sent.headers["Host"] == "result.example:8443"
    assert sent.extensions["sni_hostname"] == "result.example"


def test_a_name_is_looked_up_once_so_that_its_second_answer_is_never_used() -> None:
    recorder, rebinding = Recorder(), Resolver([PUBLIC], ["127.0.0.1"])

    send("https://rebind.example/", rebinding, recorder)

    assert rebinding.count == 1
    assert [each.url.host for each in recorder.requests] == [PUBLIC]


@pytest.mark.parametrize("addresses", [[INSIDE], [PUBLIC, INSIDE], [INSIDE, PUBLIC], [OTHER, "::ffff:10.0.0.1"]])
def test_one_address_inside_is_enough_to_send_nothing(addresses: Sequence[str]) -> None:
    recorder = Recorder()

    with pytest.raises(UnsafeUrlError, match=r"result\.example has an address that is not of the public") as refused:
        send("https://result.example/", Resolver(addresses), recorder)

    assert recorder.requests == []
    assert "10.0.0.1" not in str(refused.value)  # whoever chose the name may be shown the error


def test_the_operators_see_where_a_name_leads(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UnsafeUrlError):
        send("https://result.example/", Resolver([INSIDE]), Recorder())

    assert f"result.example is at {INSIDE}" in caplog.text
    assert "REELQUEUE_OWN_NETWORKS" in caplog.text


def test_what_the_operators_dns_gives_for_public_names_is_reached_by_name() -> None:
    recorder = Recorder()

    send("https://result.example/", Resolver(["198.18.4.2"]), recorder, own="198.18.0.0/15")

    assert [each.url.host for each in recorder.requests] == ["198.18.4.2"]


def test_the_operators_networks_are_not_reached_by_address() -> None:
    recorder = Recorder()

    with pytest.raises(UnsafeUrlError):
        send("https://198.18.4.2/", Resolver(["198.18.4.2"]), recorder, own="198.18.0.0/15")
    with pytest.raises(UnsafeUrlError):
        send("https://result.example/", Resolver(["198.18.4.2", INSIDE]), recorder, own="198.18.0.0/15")

    assert recorder.requests == []


def test_the_next_address_is_tried_where_one_takes_no_connection() -> None:
    recorder = Recorder(refuses=[OTHER])

    send("https://result.example/", Resolver([OTHER, PUBLIC]), recorder)

    assert [each.url.host for each in recorder.requests] == [OTHER, PUBLIC]


@pytest.mark.parametrize("addresses", [[], [OTHER], [OTHER, PUBLIC]])
def test_no_address_takes_a_connection(addresses: Sequence[str]) -> None:
    with pytest.raises(httpx.ConnectError):
        send("https://result.example/", Resolver(addresses), Recorder(refuses=[OTHER, PUBLIC]))


# Not by how a URL is written, which is checked before: by what the system's resolver makes of it.
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]"])
def test_a_real_server_on_this_machine_is_not_reached(host: str) -> None:
    with serving(says("200 OK", b"secret")) as server, pytest.raises(UnsafeUrlError):
        send(f"http://{host}:{urlsplit(server.url).port}/", look_up)

    assert server.requests == []


def test_a_host_that_the_operator_allows_is_reached_under_its_own_name() -> None:
    with serving(says("200 OK", b"hello")) as server:
        port = urlsplit(server.url).port
        got = send(f"http://receiver:{port}/hook", Resolver(["127.0.0.1"]), None, "receiver")

    assert got.content == b"hello"
    assert f"host: receiver:{port}".encode() in server.requests[0].lower()


def test_tls_is_asked_for_the_name_and_not_for_the_address() -> None:
    with serving(hangs_up) as server, pytest.raises(httpx.ConnectError):
        send(
            f"https://receiver.example:{urlsplit(server.url).port}/", Resolver(["127.0.0.1"]), None, "receiver.example"
        )

    assert b"receiver.example" in server.requests[0]


def test_a_name_without_an_address_is_no_bug() -> None:
    with pytest.raises(httpx.ConnectError, match="has no address"):
        send(f"https://{'a' * 64}.example/", look_up)  # too long for any resolver to be asked


def test_a_port_where_nobody_listens() -> None:
    with pytest.raises(httpx.ConnectError):
        send(f"http://receiver:{free_port()}/", Resolver(["127.0.0.1"]), None, "receiver")


def test_behind_a_proxy_the_proxy_looks_names_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(url: str) -> None:
        async with httpx.AsyncClient(transport=transport_to(httpx.URL(url))) as client:
            await client.get(url)

    with serving(says("407 Proxy Authentication Required", b"")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(httpx.ProxyError):
            asyncio.run(get("https://result.example/clip.mp4"))

    assert proxy.requests[0].startswith(b"CONNECT result.example:443")


def test_a_host_that_needs_no_proxy_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", ".example")

    assert isinstance(transport_to(httpx.URL("https://result.example/")), PinnedTransport)
