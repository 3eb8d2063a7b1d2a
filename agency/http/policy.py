"""Which addresses, ports and schemes outbound requests may use: the fixed rules plus what the settings loosen.

Sources of the ranges: the IANA special-purpose registries for IPv4 and IPv6; 168.63.129.16 is Azure's host agent.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

HTTPS_PORTS = frozenset({443, 8443})
HTTP_PORTS = frozenset({80, 8080})
EVERY_PORT = "*"

_DENIED_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 "
        "198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32"
    ).split()
)
# Only global unicast may be dialled, so mapped, compatible, NAT64, unique-local, link-local and multicast fall out.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_DENIED_V6 = tuple(
    ipaddress.IPv6Network(text) for text in "2001::/23 2001:db8::/32 2002::/16 3fff::/20 2620:4f:8000::/48".split()
)
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force. `http_ports` empty means https only; `only_hosts` empty means every public host."""

    allow_hosts: frozenset[str]
    allow_networks: tuple[IPNetwork, ...]
    deny_networks: tuple[IPNetwork, ...]
    http_ports: frozenset[int]
    every_port: bool
    only_hosts: frozenset[str]

    def names(self, hosts: frozenset[str], host: str, port: int) -> bool:
        """Whether an entry of `hosts` means this host: `name`, `name:port` or `.suffix`."""
        if not hosts:
            return False
        if host in hosts or f"{host}:{port}" in hosts:
            return True
        parts = host.split(".")
        return any("." + ".".join(parts[i:]) in hosts for i in range(1, len(parts)))

    def exempts(self, host: str, port: int) -> bool:
        """Whether the operator opened this host by name, or by its literal address. No lookup is made."""
        if self.names(self.allow_hosts, host, port):
            return True
        if not self.allow_networks:
            return False
        address = _LOOPBACK if host == "localhost" else literal(host)
        return address is not None and self.opens(address)

    def opens(self, address: IPAddress) -> bool:
        return _within(address, self.allow_networks) and not _within(address, self.deny_networks)

    def allows_address(self, address: IPAddress) -> bool:
        """Whether this address may be dialled for a host that is not exempt."""
        if _within(address, self.deny_networks):
            return False
        return is_public(address) or _within(address, self.allow_networks)

    def allows_port(self, port: int, scheme: str) -> bool:
        if scheme == "http" and not self.http_allowed:
            return False
        return self.every_port or port in HTTPS_PORTS or port in self.http_ports

    @property
    def http_allowed(self) -> bool:
        return self.every_port or bool(self.http_ports)

    @property
    def loosened(self) -> list[str]:
        """The names of the settings that open more than a production installation should."""
        opened = {
            "OUTBOUND_ALLOW_HOSTS": bool(self.allow_hosts),
            "OUTBOUND_ALLOW_CIDRS": bool(self.allow_networks),
            "OUTBOUND_HTTP": self.http_allowed,
        }
        return [name for name, is_open in opened.items() if is_open]


def current() -> Policy:
    """The rules of the settings as they are now (tests and operators change them).

    Raises ValueError when a setting holds something that is not a network or a port.
    """
    return _parse(
        tuple(settings.OUTBOUND_ALLOW_HOSTS),
        tuple(settings.OUTBOUND_ALLOW_CIDRS),
        tuple(settings.OUTBOUND_DENY_CIDRS),
        tuple(settings.OUTBOUND_HTTP),
        tuple(settings.OUTBOUND_ONLY_HOSTS),
    )


def literal(host: str) -> IPAddress | None:
    """The address that `host` spells (canonical dotted quad, or IPv6 without brackets), or None for a name."""
    if not (host[-1:].isdigit() or ":" in host):
        return None
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def is_public(address: IPAddress) -> bool:
    """Whether the address lies outside every range that is private, special or ours by definition."""
    if isinstance(address, ipaddress.IPv4Address):
        return not _within(address, _DENIED_V4)
    return address in _GLOBAL_V6 and not _within(address, _DENIED_V6)


def _within(address: IPAddress, networks: tuple[IPNetwork, ...]) -> bool:
    return any(address in network for network in networks)


@lru_cache(maxsize=64)
def _parse(
    allow_hosts: tuple[str, ...],
    allow_cidrs: tuple[str, ...],
    deny_cidrs: tuple[str, ...],
    http: tuple[str, ...],
    only_hosts: tuple[str, ...],
) -> Policy:
    words = {str(word).strip().lower() for word in http} - {"", "0", "off", "false", "no"}
    switches = {"1", "on", "true", "yes"}
    ports = frozenset(int(word) for word in words - switches - {EVERY_PORT})
    return Policy(
        allow_hosts=_hosts(allow_hosts),
        allow_networks=tuple(ipaddress.ip_network(text.strip()) for text in allow_cidrs),
        deny_networks=tuple(ipaddress.ip_network(text.strip()) for text in deny_cidrs),
        http_ports=ports | HTTP_PORTS if words else ports,
        every_port=EVERY_PORT in words,
        only_hosts=_hosts(only_hosts),
    )


def _hosts(entries: tuple[str, ...]) -> frozenset[str]:
    return frozenset(entry.strip().lower().removeprefix("*") for entry in entries if entry.strip())
