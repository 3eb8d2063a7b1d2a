"""Rules for URLs, methods and headers that need no lookup.

The URL is taken apart once, here, by a strict pattern, and what was checked is what is dialled: no second parser
gets to read it differently (`http://a.test\\@127.0.0.1/` is two hosts to two well-known parsers).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

import idna

from agency.http import policy
from agency.http.errors import TargetNotAllowed

MAX_URL_LENGTH = 2048
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
MAX_HEADERS = 64
MAX_HEADER_LENGTH = 8192

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>[/?#].*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@%]+)(?::(?P<port>[0-9]*))?")
_FORBIDDEN_CHARACTERS = re.compile("[\x00-\x20\x7f-\xa0\\\\\u2028\u2029\ud800-\udfff]")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER_LIKE = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_INNER_SUFFIXES = frozenset("localhost local internal lan home corp intranet onion localdomain test invalid".split())
_PATH_SAFE = "!#$%&'()*+,/:;=?@[]~"

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_RESERVED_HEADERS = frozenset(
    "host content-length transfer-encoding connection te upgrade trailer expect keep-alive cookie "
    "accept-encoding".split()
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where one request goes. `host` is lower-case ASCII (an IPv6 address without brackets)."""

    scheme: str
    host: str
    port: int
    path: str
    exempt: bool

    @property
    def netloc(self) -> str:
        """The value of the Host header: the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"


def check_url(url: str, *, ports: Iterable[int] = ()) -> None:
    """Apply every rule that needs no lookup. `ports` are allowed besides 443 and 8443 (a credential's own).

    Raises TargetNotAllowed, whose text says which rule and what was expected.
    """
    parse(url, ports=ports)


def host_of(url: str) -> str:
    """The host a request to `url` would go to, as `name` or `name:port` when the port is not 443, 8443, 80 or 8080.

    Raises TargetNotAllowed as `check_url` does, except that a port by itself is no reason.
    """
    scheme, host, port, _ = _split(url)
    port = port or _default_port(scheme)
    return host if port in policy.HTTPS_PORTS | policy.HTTP_PORTS else f"{host}:{port}"


def parse(url: str, *, ports: Iterable[int] = ()) -> Target:
    """Take `url` apart and apply the rules. Raises TargetNotAllowed."""
    scheme, host, given_port, rest = _split(url)
    port = given_port or _default_port(scheme)
    rules = policy.current()
    exempt = rules.exempts(host, port)
    if not exempt:
        _check_public(rules, scheme, host, port, frozenset(ports))
    if rules.only_hosts and not rules.names(rules.only_hosts, host, port):
        raise TargetNotAllowed("target not allowed: this installation only calls the hosts it lists")
    return Target(scheme, host, port, _request_target(rest), exempt)


def check_method(method: str) -> str:
    """The method in upper case. Raises TargetNotAllowed when it is not GET, HEAD, POST, PUT, PATCH or DELETE."""
    name = method.upper()
    if name not in METHODS:
        raise TargetNotAllowed(f"method not allowed: expected one of {', '.join(sorted(METHODS))}")
    return name


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse headers that would change where or how the request is read, and values that would end the line.

    Raises TargetNotAllowed, which names the header and never its value.
    """
    if len(headers) > MAX_HEADERS:
        raise TargetNotAllowed(f"too many headers: at most {MAX_HEADERS}")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise TargetNotAllowed(f"header name {name[:80]!r} is not a valid name")
        lower = name.lower()
        if lower in _RESERVED_HEADERS or lower.startswith("proxy-"):
            raise TargetNotAllowed(f"header {name} is not allowed: it is set by the system")
        if not isinstance(value, str) or len(value) > MAX_HEADER_LENGTH or not _HEADER_VALUE.fullmatch(value):
            raise TargetNotAllowed(f"header {name}: expected text of one line, Latin-1, up to {MAX_HEADER_LENGTH} long")


def _split(url: str) -> tuple[str, str, int | None, str]:
    if not isinstance(url, str) or not url:
        raise TargetNotAllowed("target not allowed: expected an https:// URL")
    if len(url) > MAX_URL_LENGTH:
        raise TargetNotAllowed(f"target not allowed: the URL is longer than {MAX_URL_LENGTH} characters")
    if _FORBIDDEN_CHARACTERS.search(url):
        raise TargetNotAllowed("target not allowed: the URL holds a space, backslash or control character")
    return _take_apart(url)


@lru_cache(maxsize=1024)
def _take_apart(url: str) -> tuple[str, str, int | None, str]:
    whole = _URL.fullmatch(url)
    if whole is None or whole["scheme"].lower() not in ("http", "https"):
        raise TargetNotAllowed("target not allowed: expected an https:// URL")
    if "@" in whole["authority"]:
        raise TargetNotAllowed("target not allowed: no user name or password in the URL")
    authority = _AUTHORITY.fullmatch(whole["authority"])
    if authority is None:
        raise TargetNotAllowed("target not allowed: the host of the URL is not valid")
    return whole["scheme"].lower(), _host(authority["host"]), _port(authority["port"]), whole["rest"] or ""


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise TargetNotAllowed("target not allowed: the port is not a number between 1 and 65535")
    return int(text)


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _host(text: str) -> str:
    """The host in the one form that is checked, resolved, sent and verified. Raises TargetNotAllowed."""
    if text.startswith("["):
        address = policy.literal(text[1:-1])
        if address is None or address.version != 6:
            raise TargetNotAllowed("target not allowed: the IPv6 address is not valid")
        return str(address)
    host = _ascii(text.lower())
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise TargetNotAllowed("target not allowed: the host of the URL is not valid")
    if _NUMBER_LIKE.fullmatch(labels[-1]) and policy.literal(host) is None:
        raise TargetNotAllowed("target not allowed: an address is written as four decimal numbers")
    return host


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    # The resolver folds what NFKC folds: circled digits become 127.0.0.1.
    if unicodedata.normalize("NFKC", host) != host or "\u3002" in host:
        raise TargetNotAllowed("target not allowed: the host of the URL holds characters that stand for others")
    try:
        return idna.encode(host, strict=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise TargetNotAllowed("target not allowed: the host of the URL is not valid") from error


def _check_public(rules: policy.Policy, scheme: str, host: str, port: int, ports: frozenset[int]) -> None:
    if scheme == "http" and not rules.http_allowed:
        raise TargetNotAllowed("target not allowed: expected an https:// URL")
    if port not in ports and not rules.allows_port(port, scheme):
        raise TargetNotAllowed("target not allowed: the port is not one of those in use for the web")
    address = policy.literal(host)
    if address is not None:
        if not rules.allows_address(address):
            raise TargetNotAllowed("target not allowed: the address is not a public one")
        return
    labels = host.split(".")
    if len(labels) < 2 or labels[-1] in _INNER_SUFFIXES or labels[-2:] == ["home", "arpa"]:
        raise TargetNotAllowed("target not allowed: the host is not a public name")


def _request_target(rest: str) -> str:
    path = rest.partition("#")[0]
    if not path.startswith("/"):
        path = "/" + path
    return path if path.isascii() and not _needs_quoting(path) else quote(path, safe=_PATH_SAFE)


_UNSAFE = re.compile(r"[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]")


def _needs_quoting(path: str) -> bool:
    return _UNSAFE.search(path) is not None
