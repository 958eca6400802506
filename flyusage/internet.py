"""Which addresses belong to the internet at large: what a customer names may be asked or told there, and nowhere further in."""

from ipaddress import IPv4Address, IPv6Address, ip_network

Address = IPv4Address | IPv6Address

_NAT64 = ip_network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether it is an address of the public internet, the one it stands for included (see `meant`)."""
    found = meant(address)
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64), by which a private one might be reached; else itself."""
    if not isinstance(address, IPv6Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
