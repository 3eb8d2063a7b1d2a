"""`python -m agency.local demo [words]`: plays every line (or those whose title or type holds a word) and tells."""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import signal
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from types import FrameType, ModuleType

from agency.local import stage
from agency.local.checkout import Checkout
from agency.local.demo import scenes
from agency.local.demo.api import Client
from agency.local.demo.play import LINES, Line, Play, Unexpected
from agency.local.demo.show import Board, Row, table
from agency.local.demo.target import Target
from agency.local.stage import Stage

AT_ONCE = 8
SCOPES = "read,write,review,admin"
PEOPLE = ("customer", "reviewer")


def run(arguments: list[str]) -> int:
    """0 only if every line was as it should be."""
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    began = time.monotonic()
    modules = [importlib.import_module(f"{scenes.__name__}.{m.name}") for m in pkgutil.iter_modules(scenes.__path__)]
    lines = sorted((line for line in LINES if _chosen(line, arguments)), key=lambda line: line.alone)
    print("Starting a stack of its own: PostgreSQL, Valkey, web, workers, beat, and the target site", flush=True)
    with Target() as target, stage.play(_settings(target, modules), say=_aside) as product:
        print(f"Ready on {product.url} after {time.monotonic() - began:.1f} s\n", flush=True)
        rows = _play(lines, product, target)
        if not all_good(rows):
            _keep_logs(product)
    print("\n" + table(rows))
    for row in rows:
        if row.trace:
            print(f"\n{row.line.title}\n{row.trace}", file=sys.stderr)
    good = sum(row.good for row in rows)
    print(f"\n{good} of {len(rows)} as they should be, in {time.monotonic() - began:.0f} s")
    return 0 if all_good(rows) else 1


def all_good(rows: list[Row]) -> bool:
    """Every line was as it should be, and there was at least one."""
    return bool(rows) and all(row.good for row in rows)


def _chosen(line: Line, words: list[str]) -> bool:
    return not words or any(word.lower() in f"{line.type} {line.title}".lower() for word in words)


def _settings(target: Target, modules: list[ModuleType]) -> dict[str, str]:
    settings = {
        "OUTBOUND_ALLOW_HOSTS": target.address,
        "OUTBOUND_HTTP": "*",
        "RETRY_BASE_SECONDS": "0.5",
        "RETRY_CAP_SECONDS": "2",
        "POLL_SECONDS": "1",
        # One customer plays every line within a minute.
        "RATE_CREATE": "600",
        "RATE_EXECUTE": "300",
        "RATE_APPROVE": "300",
        "LEASE_SECONDS": "6",
        "HEARTBEAT_SECONDS": "1",
    }
    for module in modules:
        if hasattr(module, "environment"):
            settings |= module.environment(target)
    return settings


def _play(lines: list[Line], product: Stage, target: Target) -> list[Row]:
    customer, reviewer = (_client(product, name) for name in PEOPLE)
    rows = [Row(line) for line in lines]
    with Board(rows):
        for at_once, chosen in ((AT_ONCE, False), (1, True)):
            with ThreadPoolExecutor(at_once) as pool:
                for row in rows:
                    if row.line.alone is chosen:
                        pool.submit(act, row, Play(product, target, customer, reviewer))
    return rows


def _client(product: Stage, name: str) -> Client:
    """A person with a token, made as an administrator makes them: by commands."""
    product.manage("createsuperuser", "--noinput", "--username", name, "--email", f"{name}@example.com")
    token = product.manage("api_token", name, "--scopes", SCOPES).split()[-1]
    return Client(stage.HOST, product.port, token)


def act(row: Row, play: Play) -> None:
    """Plays one line and notes on its row what was seen, or what was not as promised."""

    def progress(note: str) -> None:
        row.note = note

    play.progress = progress
    row.state, began = "runs", time.monotonic()
    try:
        row.seen, state = row.line.act(play), "good"
    except Unexpected as surprise:
        row.note, state = str(surprise), "bad"
    except Exception as error:  # noqa: BLE001  (the line itself broke: the table and the traceback say so)
        row.note, state = f"{type(error).__name__}: {error}", "bad"
        row.trace = traceback.format_exc()
    row.seconds = time.monotonic() - began
    row.state = state


def _keep_logs(product: Stage) -> None:
    kept = Checkout().logs / "demo"
    kept.mkdir(parents=True, exist_ok=True)
    for log in product.home.glob("*.log"):
        shutil.copy(log, kept)
    for server in (product.postgres, product.valkey):
        shutil.copy(server.log, kept / f"{server.name.lower()}.log")
    print(f"\nThe logs of all processes are kept in {kept}/", flush=True)


def _aside(text: str) -> None:
    print(f"  ({text})", file=sys.stderr, flush=True)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    os.kill(os.getpid(), signal.SIGINT)
