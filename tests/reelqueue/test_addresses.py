"""Where a server of ours may send to because somebody else says so."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.url_safety import UnsafeUrlError, check_web_url, is_public

INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - the unspecified address, which Linux takes for this machine
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",  # the metadata of most clouds
    "100.64.0.1",
    "100.100.100.200",  # Alibaba Cloud's metadata
    "168.63.129.16",  # Azure's
    "192.0.0.192",  # Oracle's
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",  # IPv4-compatible
    "::ffff:127.0.0.1",  # IPv4-mapped
    "::ffff:8.8.8.8",  # no resolver that we ask answers so
    "::ffff:0:127.0.0.1",  # IPv4-translated
    "64:ff9b::7f00:1",  # NAT64
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::1",  # 6to4
    "2002:0808:0808::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # AWS's metadata
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_of_the_internet_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["", "example.com", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "8.8.8.08"])
def test_what_is_not_plainly_an_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [each for each in INSIDE if "%" not in each])
def test_no_url_may_name_an_address_inside(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    with pytest.raises(UnsafeUrlError):
        check_web_url(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/",
        "https://LOCALHOST./",
        "https://anything.localhost/",
        "https://127.0.0.1./",
        "https://127.1/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://0x7f000001/",
        "https://0x7f.0x0.0x0.0x1/",
        "https://127.0.0.0x1/",
        "https://\u2460\u2461\u2466.0.0.1/",  # circled digits, which are digits to a resolver
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/",  # ideographic full stops
        "https://[::ffff:7f00:1]/",
        "https://[::1]:443/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com\\@127.0.0.1/",
        "https://:@example.com:x/",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "dict://example.com:11211/",
        "javascript:alert(1)",
        "//example.com/",
        "example.com",
        "https:example.com",
        "https://",
        "https:///path",
        "https://[::1",
        "https://[v1.x]/",
        "https://xn--/",
        "https://xn--a.example/",
        "https://example.com:port/",
        "https://example.com:99999/",
        "https://example.com/\x00",
        "https://exa mple.com/",
        "https://example.com\r\nHost: localhost/",
        "https://" + "a" * 70_000,
        "",
    ],
)
def test_a_url_that_leads_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(UnsafeUrlError):
        check_web_url(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.com/hook?a=b", "example.com"),
        ("https://EXAMPLE.com:8443/", "example.com"),
        ("https://8.8.8.8/", "8.8.8.8"),
        ("https://[2606:4700:4700::1111]/", "2606:4700:4700::1111"),
        ("https://b\u00fccher.example/", "b\u00fccher.example"),
        ("https://0x7f.example/", "0x7f.example"),
    ],
)
def test_a_public_https_url_is_taken(url: str, host: str) -> None:
    assert check_web_url(url).host == host


@pytest.mark.parametrize("url", ["http://receiver:8080/", "https://receiver/", "http://10.1.2.3/"])
def test_a_host_that_the_operator_allows_is_taken_also_over_http(url: str) -> None:
    assert check_web_url(url, private_hosts=["receiver", "10.1.2.3"])


@pytest.mark.parametrize(
    "url", ["http://receiver.example/", "ftp://receiver/", "http://me@receiver/", "http://10.1.2.4/"]
)
def test_no_other_is(url: str) -> None:
    with pytest.raises(UnsafeUrlError):
        check_web_url(url, private_hosts=["receiver", "10.1.2.3"])


@given(st.text() | st.text(alphabet="xn-.:/@[]%1a\u00df\u2460").map("https://{}".format))
def test_any_text_is_taken_or_refused(text: str) -> None:
    with suppress(UnsafeUrlError):
        assert check_web_url(text).scheme == "https"


@pytest.mark.parametrize(
    ("url", "sent_to"),
    [
        ("http://results.example/a.mp4?Signature=a%3D%2B&b=+", "https://results.example/a.mp4?Signature=a%3D%2B&b=+"),
        ("http://results.example:80/a.mp4", "https://results.example/a.mp4"),
        ("http://receiver:8080/a.mp4", "http://receiver:8080/a.mp4"),  # the operator lets it be plain
    ],
)
def test_a_plain_url_can_be_sent_to_with_tls(url: str, sent_to: str) -> None:
    assert str(check_web_url(url, private_hosts=["receiver"], with_tls=True)) == sent_to


def test_a_refusal_does_not_quote_the_url() -> None:
    with pytest.raises(UnsafeUrlError) as caught:
        check_web_url("http://example.com/?Signature=s3cret")

    assert "s3cret" not in str(caught.value)
