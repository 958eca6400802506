"""What is the internet at large, however an address is written."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.internet import is_public, subscriber

PRIVATE = [ipaddress.ip_network(one) for one in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
)]  # fmt: skip


@given(st.ip_addresses(v=4), st.integers(0, 2**80 - 1))
def test_an_address_is_public_unless_a_private_network_holds_it_however_it_is_written(ip: ipaddress.IPv4Address, rest: int) -> None:
    mapped, sixtofour, nat64 = (0xFFFF << 32) | int(ip), (0x2002 << 112) | (int(ip) << 80) | rest, (0x64FF9B << 96) | int(ip)
    teredo = (0x20010000 << 96) | (int(ipaddress.ip_address("1.1.1.1")) << 64) | (int(ip) ^ 0xFFFFFFFF)
    written = [ip, *map(ipaddress.IPv6Address, (mapped, sixtofour, nat64, teredo))]
    assert {is_public(one) for one in written} == {is_public(ip)}
    if any(ip in network for network in PRIVATE):
        assert not is_public(ip)


@pytest.mark.parametrize("address", ["::1", "::", "fe80::1", "fc00::1", "ff02::1", "192.0.2.1", "198.18.0.1", "2001:db8::1", "fec0::1"])
def test_other_networks_of_nobody_are_private(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_who_has_many_addresses_of_ipv6_is_one_and_neighbours_are_others() -> None:
    mine = {subscriber(one) for one in ("2606:4700:0:1::1", "2606:4700:0:1:ffff::2", "2606:4700:0:1::1%eth0")}
    assert mine == {"2606:4700:0:1::/64"}
    assert subscriber("2606:4700:0:2::1") not in mine
    assert {subscriber(one) for one in ("198.51.100.7", "::ffff:198.51.100.7", "2002:c633:6407::9")} == {"198.51.100.7"}
    assert [subscriber(one) for one in ("", "testclient")] == ["", "testclient"]
