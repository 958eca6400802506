"""Which addresses belong to the internet at large: what a customer names may be asked or told there, and nowhere further in.

And the one way to write a host name, so that two ways to write it are not two names.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import idna

Address = IPv4Address | IPv6Address

_NAT64 = ip_network("64:ff9b::/96")
_LINE = 64  # bits of IPv6 that a single line is given at least (RFC 6177)


def is_public(address: Address) -> bool:
    """Whether it is an address of the public internet, the one it stands for included (see `meant`)."""
    found = meant(address)
    is_inner = isinstance(found, IPv6Address) and found.is_site_local  # given up by RFC 3879, and still some networks' own
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified or is_inner)


def meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64), by which a private one might be reached; else itself."""
    if not isinstance(address, IPv6Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def subscriber(written: str) -> str:
    """What stands for whoever comes from an address: IPv4's itself, IPv6's network, of whose addresses one line may use any."""
    try:
        found = meant(ip_address(written.partition("%")[0]))
    except ValueError:
        return written
    return str(found if isinstance(found, IPv4Address) else ip_network((int(found), _LINE), strict=False))


def ascii_name(written: str) -> str:
    """A host name in the letters that DNS knows, in lower case: bücher.example becomes xn--bcher-kva.example (IDNA 2008, UTS 46).

    Raises ValueError for what is no name. Not by Python's own codec, which is of 2003 and takes straße.example for strasse.example,
    somebody else's.
    """
    if written.isascii() and "xn--" not in written.lower():
        return written.lower()
    try:
        return idna.encode(written.lower(), uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(str(error)) from error
