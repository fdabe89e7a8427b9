"""Which hosts are connected to: never one further inside than the address that a user named, and at the very address that was looked at.

A server that is out on the internet may lead (redirects, playlists, keys) to others out there, never to what only we can reach.
"""

import ipaddress
import socket
from dataclasses import dataclass
from enum import IntEnum

from operators.errors import ConfigError, LiveUnavailable

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
SECRETS = tuple(map(ipaddress.ip_network, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32")))
"""Link-local addresses and their like: there machines are told their secrets."""
EMBEDDED = ipaddress.ip_network("64:ff9b::/96")
"""The IPv4 address in the last 32 bits is what is reached (RFC 6052)."""


class Reach(IntEnum):
    """How far inside an address lies, as seen from this machine."""

    PUBLIC = 0
    PRIVATE = 1
    HERE = 2
    """This machine."""
    SECRET = 3
    """Never connected to."""


@dataclass(frozen=True, slots=True)
class Place:
    """A host where it was found."""

    host: str
    port: int
    addresses: tuple[str, ...]
    """At least one; all of them may be connected to."""
    reach: Reach
    """Of the one furthest inside."""


def reach_of(address: Ip) -> Reach:
    inner = _embedded(address)
    if inner is not None:
        return reach_of(inner)
    if any(address in network for network in SECRETS if network.version == address.version):
        return Reach.SECRET
    if address.is_loopback or address.is_unspecified:
        return Reach.HERE
    return Reach.PUBLIC if address.is_global else Reach.PRIVATE


def look_up(host: str, port: int, most: Reach = Reach.HERE) -> Place:
    """Asks the name server. Raises ConfigError (an address of it lies further inside than `most`), LiveUnavailable (it is not known)."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:
        raise LiveUnavailable(f"the name {host} is not known here ({getattr(e, 'strerror', e)}); check the address") from e
    addresses = tuple(dict.fromkeys(str(info[4][0]) for info in found))
    reaches = {text: reach_of(ipaddress.ip_address(text.partition("%")[0])) for text in addresses}
    furthest = max(addresses, key=lambda text: reaches[text])
    if reaches[furthest] is Reach.SECRET:
        raise ConfigError(f"{host} is a link-local address or one like it, {furthest}, and is not followed")
    if reaches[furthest] > most:
        raise ConfigError(f"{host} is at {furthest}, inside this network or machine: what leads there from outside is not followed")
    return Place(host, port, addresses, reaches[furthest])


def connect(place: Place, timeout_s: float) -> socket.socket:
    """To the first of its addresses that answers. Raises OSError."""
    for n, address in enumerate(place.addresses, 1):
        try:
            return socket.create_connection((address, place.port), timeout_s)
        except OSError:
            if n == len(place.addresses):
                raise
    raise AssertionError("a place has addresses")


def _embedded(address: Ip) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    return address.ipv4_mapped or address.sixtofour or (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in EMBEDDED else None)
