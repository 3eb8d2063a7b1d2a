"""From a name to addresses that may be dialled: one lookup, bounded in time, every answer checked."""

from __future__ import annotations

import queue
import socket
import threading
from ipaddress import ip_address

from agency.http import policy
from agency.http.errors import CouldNotConnect, TargetNotAllowed, TimedOut

LOOKUP_SECONDS = 5.0
MAX_LOOKUPS = 128

_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)


def resolve(host: str, port: int, *, timeout_s: float = LOOKUP_SECONDS, exempt: bool | None = None) -> list[str]:
    """Every address of `host`, in the resolver's order, each checked against the rules.

    A literal address costs no lookup. `exempt`: the operator opened this host; found out from the rules if not given.
    Raises TargetNotAllowed when any answer is not allowed, CouldNotConnect for an unknown name, TimedOut after
    `timeout_s`.
    """
    rules = policy.current()
    if exempt is None:
        exempt = rules.exempts(host, port)
    literal = policy.literal(host)
    answers = [str(literal)] if literal is not None else _look_up_in_time(host, port, min(timeout_s, LOOKUP_SECONDS))
    if not all(_allowed(rules, answer, exempt) for answer in answers):
        raise TargetNotAllowed("target not allowed")
    return answers


def lookup(host: str, port: int) -> list[str]:
    """Ask the system's resolver. This is the seam at which tests change what a name means. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _allowed(rules: policy.Policy, answer: str, exempt: bool) -> bool:
    address = ip_address(answer)
    if exempt:
        return not any(address in network for network in rules.deny_networks)
    return rules.allows_address(address)


def _look_up_in_time(host: str, port: int, timeout_s: float) -> list[str]:
    """The lookup in a thread of its own: the system's resolver cannot be interrupted, only left behind."""
    if not _lookups.acquire(timeout=max(timeout_s, 0)):
        raise TimedOut("timed out", sent=False)
    answer: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put(lookup(host, port))
        except (OSError, UnicodeError) as error:
            answer.put(error)
        finally:
            _lookups.release()

    try:
        threading.Thread(target=run, name="outbound-lookup", daemon=True).start()
    except RuntimeError as error:  # the machine has no thread left to give
        _lookups.release()
        raise CouldNotConnect("could not connect") from error
    try:
        found = answer.get(timeout=max(timeout_s, 0.001))
    except queue.Empty:
        raise TimedOut("timed out", sent=False) from None
    if isinstance(found, Exception) or not found:
        raise CouldNotConnect("could not connect")
    return found
