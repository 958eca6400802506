"""Whom we ask on behalf of others: the public internet by https, and nobody beside us."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage import config
from flyusage.auth import outgoing
from flyusage.auth.errors import ProviderUnreachable

PRIVATE = [ipaddress.ip_network(one) for one in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
)]  # fmt: skip


@given(st.ip_addresses(v=4))
def test_an_address_is_public_unless_a_private_network_holds_it_however_it_is_written(ip: ipaddress.IPv4Address) -> None:
    if any(ip in network for network in PRIVATE):
        assert not any(map(outgoing.is_public, (str(ip), f"::ffff:{ip}", str(ipaddress.IPv6Address((0x64FF9B << 96) | int(ip))))))
        assert not outgoing.is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (int(ip) << 80))))


@pytest.mark.parametrize("address", ["::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "192.0.2.1", "198.18.0.1", "2001:db8::1"])
def test_other_networks_of_nobody_are_private(address: str) -> None:
    assert not outgoing.is_public(address)


def test_the_internet_is_public() -> None:
    assert all(map(outgoing.is_public, ("1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1")))


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com", "http://127.0.0.1:80", "ftp://login.example.com", "file:///etc/passwd", "https://", "//login.example.com",
        "https://user:password@login.example.com", "https://login.example.com:x", "https://login .example.com", "https://lögin.example", "", "\0",
        "https://login.example.com/\r\nx", "https://" + "a" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_provider_is_refused(url: str) -> None:
    with pytest.raises(ProviderUnreachable):
        outgoing.checked(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "2130706433", "0x7f.1"])
def test_no_private_address_is_asked_by_whatever_name(host: str) -> None:
    with pytest.raises(ProviderUnreachable, match="private address|No server is known"):
        outgoing.send("GET", f"https://{host}/")


def test_a_name_is_looked_up_once_and_every_address_it_has_must_be_public(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look_up(host: str, port: int, **_: object) -> list[tuple]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("93.184.215.14", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(ProviderUnreachable, match="private address"):
        outgoing.send("GET", "https://rebinding.example/")
    assert asked == ["rebinding.example"]


def test_http_is_for_loopback_alone_even_where_a_private_host_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYUSAGE_SSO_PRIVATE_HOSTS", "login.internal, 10.0.0.1,127.0.0.1")
    config.settings.cache_clear()
    try:
        assert outgoing.checked("http://127.0.0.1:9") == "http://127.0.0.1:9"
        for url in ("http://login.internal", "http://10.0.0.1", "http://localhost"):
            with pytest.raises(ProviderUnreachable, match="by https"):
                outgoing.checked(url)
    finally:
        monkeypatch.undo()
        config.settings.cache_clear()
