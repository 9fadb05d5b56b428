"""Says whether a repository address may be fetched by the server: https only, and to no address of a private network."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from caiso.errors import DomainError

LONGEST = 500


class UnableToReach(DomainError):
    """The address is refused before anything is sent."""


@dataclass(frozen=True, slots=True)
class Reachable:
    """A checked address; `pin` ("host:port:ip,ip") fixes what the name meant when it was checked; empty: not fixed."""

    url: str
    pin: str


def check_repository(url: str, *, allow_private: bool = False) -> Reachable:
    """Check the form of the address, resolve its host, and refuse what does not lead to the public internet."""
    host, port = read_address(url)
    if allow_private:
        return Reachable(url, "")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnableToReach(f"the host {host[:200]} cannot be found") from error
    addresses = sorted({str(entry[4][0]).partition("%")[0] for entry in found})
    if not addresses or not all(is_public(address) for address in addresses):
        raise UnableToReach(
            f"{host[:200]} leads to a private network; an administrator can allow that with "
            "CAISO_SCAN_PRIVATE_ADDRESSES"
        )
    shown = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return Reachable(url, f"{host}:{port}:{shown}")


def read_address(url: str) -> tuple[str, int]:
    """(host, port) of an https address without user, password, query or fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError as error:
        raise UnableToReach("this is no address of the form https://host/path") from error
    if parts.scheme != "https" or not parts.hostname or len(url) > LONGEST or not url.isprintable() or " " in url:
        raise UnableToReach("only addresses of the form https://host/path are fetched")
    if "@" in parts.netloc:
        raise UnableToReach("the address holds a user or password; scan private repositories where you are signed in")
    if parts.query or parts.fragment:
        raise UnableToReach("the address of a repository has no ? and no #")
    if not parts.path.strip("/"):
        raise UnableToReach("the address names a host but no repository")
    return parts.hostname, port


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also when it is wrapped in another form."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        # The last 32 bits of a NAT64 address are an IPv4 address that is reached through it.
        nat64 = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or nat64
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
