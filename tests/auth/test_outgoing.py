"""Whom we ask on behalf of others: the public internet by https, and nobody beside us."""

import socket

import pytest

from flyusage import config
from flyusage.auth import outgoing
from flyusage.auth.errors import ProviderUnreachable


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
