"""Accepted messages per second against a bare Django view with one INSERT: python -m bench.webhooks [COUNT] [ROUNDS]

Both on the same gunicorn settings, the same PostgreSQL and the same connections, in turns; medians of the rounds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from agency.local import places, scratch
from agency.local.checkout import CHECKOUT
from agency.local.testing import TEST_ENVIRONMENT
from bench import load

CONNECTIONS = 16
STEADY = 100.0  # messages a second for the percentile
TASK = {"taskType": "api_call", "title": "Measured", "executionConfig": {"apiEndpoint": "https://api.example.com/x"}}
PREPARE = """
import django; django.setup()
from django.db import connection
from tasks.actors import Actor
from webhooks import channels
from bench.bare_view import TABLE
connection.cursor().execute(TABLE)
made = channels.create(channels.parse_channel({"name": "Bench", "type": "custom_webhook", "sendsOutbound": False}),
                       Actor("bench"))
print(made.channel.token, made.secrets["inbound"])
"""


def main() -> None:
    """Prints one line per measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with scratch.stack() as servers:
        environment = {**os.environ, **TEST_ENVIRONMENT, **servers.environment(), "RATE_LIMITS": "off"}
        environment |= {
            "DJANGO_SETTINGS_MODULE": "agency.settings",
            "LOG_LEVEL": "WARNING",
            "INBOUND_BACKLOG": "10000000",
        }
        _python(environment, "manage.py", "migrate", "--verbosity", "0")
        token, secret = _python(environment, "-c", PREPARE).split()[-2:]
        with (
            serving(environment, "agency.wsgi") as ours,
            serving({**environment, "BENCH_BARE_VIEW": "1"}, "bench.bare_view") as bare,
        ):
            _measure(count, rounds, ours, bare, token, secret)


def _measure(count: int, rounds: int, ours: int, bare: int, token: str, secret: str) -> None:
    path = f"/webhooks/inbound/{token}/"
    rates: dict[str, list[float]] = {"accepted": [], "bare": []}
    load.fire(ours, _signed(path, secret, 200, "warm"), CONNECTIONS)
    load.fire(bare, _plain(200), CONNECTIONS)
    for number in range(rounds):
        got = load.fire(ours, _signed(path, secret, count, f"r{number}"), CONNECTIONS)
        assert set(got.codes) == {202}, got.codes
        rates["accepted"].append(got.per_second)
        got = load.fire(bare, _plain(count), CONNECTIONS)
        assert set(got.codes) == {202}, got.codes
        rates["bare"].append(got.per_second)
    steady = load.fire(ours, _signed(path, secret, int(STEADY * 10), "steady"), CONNECTIONS, STEADY)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    print(f"accepted {medians['accepted']:.0f}/s, bare view {medians['bare']:.0f}/s", end=", ")
    print(f"ratio {medians['accepted'] / medians['bare']:.2f} (goal 0.6)")
    print(f"at {STEADY:.0f}/s: p50 {steady.percentile(0.5):.1f} ms, p99 {steady.percentile(0.99):.1f} ms (goal 60)")
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, rounds {rounds} of {count}")


def _signed(path: str, secret: str, count: int, name: str) -> list[bytes]:
    from webhooks.tests.signing import standard_headers

    body = json.dumps({"type": "task.create", "data": TASK}).encode()
    return [load.post(path, body, standard_headers(body, f"msg_{name}_{number}", secret)) for number in range(count)]


def _plain(count: int) -> list[bytes]:
    body = json.dumps({"type": "task.create", "data": TASK}).encode()
    return [load.post("/receive/", body, {}) for _ in range(count)]


def _python(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


@contextmanager
def serving(environment: dict[str, str], module: str) -> Iterator[int]:
    """gunicorn as the product runs it, on a free port."""
    port = places.free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", str(CHECKOUT / "agency" / "gunicorn.py")]
    process = subprocess.Popen([*command, "--bind", f"127.0.0.1:{port}", module], env=environment, cwd=CHECKOUT)
    try:
        _await(port)
        yield port
    finally:
        process.terminate()
        process.wait(40)


def _await(port: int) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=1)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
