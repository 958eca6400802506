"""Where messages may go: the public internet alone unless a network is named, to the address that was judged, and for seconds only."""

import ipaddress
import socket
from collections.abc import Iterator

import pytest
from conftest import chosen
from receiver import Receiver, receiving

from flyusage.alerts import posting
from flyusage.alerts.errors import EndpointInvalid
from flyusage.alerts.posting import AddressRefused, NoAnswer, is_allowed, post, sound_url


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with chosen({"FLYUSAGE_DELIVERY_NETWORKS": "127.0.0.1/32"}), receiving() as one:
        yield one


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """A resolver that says one list of addresses after another; the names it was asked for."""
    asked: list[str] = []

    def getaddrinfo(host, port, **_):
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(posting.socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:0:0:0:0:f5ff:fffe",
    ],
)  # fmt: skip
def test_no_address_inwards_is_allowed_in_whatever_clothes(address: str):
    assert not is_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_the_public_internet_is(address: str):
    assert is_allowed(ipaddress.ip_address(address))


def test_a_named_network_is_allowed_and_no_other():
    with chosen({"FLYUSAGE_DELIVERY_NETWORKS": "10.20.0.0/16, fd12::/32"}):
        allowed = [is_allowed(ipaddress.ip_address(one)) for one in ("10.20.3.4", "10.21.0.1", "fd12::5", "::ffff:10.20.3.4", "127.0.0.1")]
        assert allowed == [True, False, True, True, False]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/", "ftp://hooks.example.com/", "https://user:word@hooks.example.com/", "https://hooks.example.com/#x",
        "https://", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "https://a b/", "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/", "https://[bad/", "hooks.example.com", "https://x/" + "y" * 2_000, "https://ex\u00e4mple.com/",
    ],
)  # fmt: skip
def test_what_is_no_public_web_address_is_refused_when_it_is_written_down(url: str):
    with pytest.raises(EndpointInvalid):
        sound_url(url)


def test_a_name_that_leads_inwards_is_not_connected_to(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    with chosen({"FLYUSAGE_DELIVERY_NETWORKS": None}):
        with pytest.raises(AddressRefused, match="not on the public internet"):
            post(receiver.url.replace("127.0.0.1", "localhost"), b"{}", {})
        resolving(monkeypatch, ["93.184.216.34", "10.0.0.1"])  # one of them is enough
        with pytest.raises(AddressRefused):
            post("https://hooks.example.com/", b"{}", {})
        assert receiver.got == []


def test_the_address_that_was_judged_is_the_one_connected_to(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    asked = resolving(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    assert post(receiver.url.replace("127.0.0.1", "rebinding.example"), b"{}", {}).status == 204
    assert asked == ["rebinding.example"]
    assert receiver.got[0].headers["host"] == f"rebinding.example:{receiver.port}"


def test_nothing_public_is_sent_unencrypted(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    resolving(monkeypatch, ["93.184.216.34"])
    with pytest.raises(AddressRefused, match="without encryption"):
        post("http://hooks.example.com/", b"{}", {})


def test_a_redirect_is_an_answer_and_not_a_way_on(receiver: Receiver):
    with receiving() as inner:
        receiver.status, receiver.headers = 302, {"Location": inner.url}
        assert post(receiver.url, b"{}", {}).status == 302
        assert inner.got == []


def test_an_answer_is_read_in_part_and_made_harmless(receiver: Receiver):
    receiver.status, receiver.answer, receiver.headers = 500, b"no\x1b[31m \xff" + b"x" * 1_000_000, {"Retry-After": "120"}
    answer = post(receiver.url, b"{}", {})
    assert (answer.status, answer.retry_after_seconds, len(answer.excerpt)) == (500, 120, posting.EXCERPT_CHARACTERS)
    assert answer.excerpt.startswith("no\\x1b[31m")


def test_who_talks_slowly_is_cut_off_as_a_whole(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.4)
    receiver.drips = True
    with pytest.raises(NoAnswer, match="No whole answer"):
        post(receiver.url, b"{}", {})


def test_who_hangs_up_or_is_not_there_gave_no_answer(receiver: Receiver):
    receiver.drops = True
    with pytest.raises(NoAnswer, match="broke"):
        post(receiver.url, b"{}", {})
    with pytest.raises(NoAnswer, match="Nobody answers"):
        post("http://127.0.0.1:1/", b"{}", {})
    with pytest.raises(NoAnswer, match="leads nowhere"):
        post("https://nowhere.invalid/", b"{}", {})
