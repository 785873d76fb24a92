"""Which addresses are out in the internet, whatever form they are written in, and which lead inside or home.

``ipaddress.is_global`` alone is no answer: it says yes to IPv4 wrapped in IPv6 (compatible, translated, NAT64, 6to4),
to multicast and to the metadata services of some clouds.
"""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

INSIDE = (
    IPv4Network("192.0.0.0/24"),  # IETF assignments; Oracle's metadata service
    IPv4Network("168.63.129.16/32"),  # Azure's
    IPv4Network("100.100.100.200/32"),  # Alibaba's; in 100.64/10, which no version may take for public
)
UNICAST = IPv6Network("2000::/3")
WRAPPED = (
    IPv6Network("::ffff:0:0/96"),  # mapped (RFC 4291)
    IPv6Network("::/96"),  # compatible (RFC 4291, deprecated)
    IPv6Network("::ffff:0:0:0/96"),  # translated (RFC 2765)
    IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052)
)
"""IPv6 networks whose last four bytes are an IPv4 address."""
INSIDE6 = (
    IPv6Network("fec0::/10"),  # site-local (RFC 3879, deprecated)
    IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)


def is_public(address: str) -> bool:
    """Return whether an IP address, as ``getaddrinfo`` writes it, is in the public internet; no zone id is."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        return _public6(found)
    return _public4(found)


def is_own(address: str) -> bool:
    """Return whether an address is one of this machine's: only such can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _public4(address: IPv4Address) -> bool:
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return address.is_global and not any(address in network for network in INSIDE)


def _public6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address.is_multicast or any(address in network for network in INSIDE6):
        return False
    for network in WRAPPED:
        if address in network:
            return _public4(IPv4Address(address.packed[-4:]))
    if address not in UNICAST or not address.is_global:
        return False
    inner = [address.sixtofour, *(address.teredo or ())]
    if address.packed[8:12] in (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe"):  # ISATAP (RFC 5214)
        inner.append(IPv4Address(address.packed[-4:]))
    return all(_public4(one) for one in inner if one is not None)
