"""Work in a browser, measured: what the engine understands on pages it was not built against, and how quick it is.

    make bench ARGS=browser            everything but the long run
    python -m bench.browser --only act,extract
    python -m bench.browser --long 500 tasks in a row, for growth of memory

Pages and cases: those of --pages, a folder with a cases.json. Goals: docs/browser.md. Ratios are inside one run on one machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ENOUGH = 0.8  # F1 from which an extraction counts as passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="act,extract,hostile,speed,size,kill")
    parser.add_argument("--long", type=int, default=0, help="so many tasks in a row, more than 20")
    parser.add_argument("--pages", type=Path, default=ROOT / "bench" / "blind", help="folder for act and extract")
    parser.add_argument("--show", action="store_true", help="every case that is not as expected")
    asked = parser.parse_args()
    _set_up()
    from tasks.tests.browser.site import start_site

    site = start_site()
    pages = Pages(asked.pages)
    from django.conf import settings

    settings.OUTBOUND_ALLOW_HOSTS = [f"127.0.0.1:{site.port}", f"127.0.0.1:{pages.port}"]
    settings.OUTBOUND_HTTP = ["*"]
    parts: dict[str, Callable[..., dict[str, Any]]] = {
        "act": act, "extract": extract, "hostile": hostile, "speed": speed, "size": size, "kill": kill,
    }  # fmt: skip
    figures: dict[str, Any] = {"machine": machine()}
    for name in asked.only.split(","):
        figures[name] = parts[name](pages if name in ("act", "extract") else site, asked.show)
        print(name, json.dumps(figures[name], ensure_ascii=False), flush=True)
    if asked.long:
        figures["long"] = long_run(site, asked.long)
        print("long", json.dumps(figures["long"]))
    return 0


class Pages:
    """A folder of pages with its cases.json, served as a site of its own."""

    def __init__(self, folder: Path) -> None:
        self.cases = json.loads((folder / "cases.json").read_text())
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        self.port = int(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """No line for each page."""


def _set_up() -> None:
    """Django with settings that reach no server: the engine needs none."""
    from agency.local import testing  # noqa: F401  sets the environment of tests

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")
    import django

    django.setup()
    import logging

    logging.disable(logging.WARNING)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    from tasks.executors.browser.launch import find_programs

    programs = find_programs()
    version = subprocess.run([programs.driver, "--version"], capture_output=True, text=True, check=False).stdout
    return {
        "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "python": sys.version.split()[0],
        "browser": Path(programs.browser).name, "driver": " ".join(version.split()[:2]),
    }  # fmt: skip


@contextmanager
def session() -> Iterator[Any]:
    from tasks.executors.browser import pool
    from tasks.executors.browser.drivers import session_of

    with pool.shared_pool().lease() as lease:
        yield session_of(lease)


def act(site: Pages, show: bool) -> dict[str, Any]:
    """Right, refused and silently wrong, over all instructions and by kind of instruction."""
    from tasks.executors.browser.errors import Unsure
    from tasks.executors.browser.navigation import open_page
    from tasks.executors.browser.understanding.base import FindRequest
    from tasks.executors.browser.understanding.deterministic import finding

    seen: Counter[tuple[str, str]] = Counter()
    times: list[float] = []
    cases = site.cases["act"]
    with session() as browser:
        for page, kind, sort, instruction, expected in cases:
            open_page(browser.driver, site.url(page))
            began = time.perf_counter()
            try:
                choice = finding.find(browser.driver, FindRequest(instruction, kind, 0.1, time.sleep))
                right = expected is not None and browser.driver.execute_script(
                    "const el = arguments[0]; return el.matches(arguments[1]) || !!(el.control && el.control.matches(arguments[1]))"
                    " || !!(el.closest(arguments[1]))", choice.element, expected,
                )  # fmt: skip
                outcome = "right" if right else "wrong"
                told = choice.described
            except Unsure as refusal:
                outcome, told = ("right" if expected is None else "refused"), str(refusal)
            times.append(time.perf_counter() - began)
            seen[sort, outcome] += 1
            if show and outcome != "right":
                print(f"  {outcome}: {page} {instruction!r} → {told}")
    return _act_figures(seen, times)


def _act_figures(seen: Counter[tuple[str, str]], times: list[float]) -> dict[str, Any]:
    total = sum(seen.values())
    plain = ["exact", "near", "ordinal"]

    def share(outcome: str, kinds: list[str] | None = None) -> float:
        rows = {key: n for key, n in seen.items() if kinds is None or key[0] in kinds}
        return round(sum(n for (_, what), n in rows.items() if what == outcome) / max(1, sum(rows.values())), 3)

    kinds = sorted({kind for kind, _ in seen})
    return {
        "cases": total, "right": share("right"), "refused": share("refused"), "silently wrong": share("wrong"),
        "exact, near and ordinal": share("right", plain), **{kind: share("right", [kind]) for kind in kinds},
        "p50 ms": round(statistics.median(times) * 1000), "p95 ms": round(_p95(times) * 1000),
    }  # fmt: skip


def extract(site: Pages, show: bool) -> dict[str, Any]:
    """Share of cases with F1 of at least 0.8 over their values, and the mean F1."""
    from tasks.executors.browser.navigation import open_page
    from tasks.executors.browser.understanding.base import ExtractRequest
    from tasks.executors.browser.understanding.deterministic import extracting

    scores: list[float] = []
    times: list[float] = []
    cases = site.cases["extract"]
    with session() as browser:
        for page, instruction, expected in cases:
            open_page(browser.driver, site.url(page))
            began = time.perf_counter()
            found = extracting.extract(browser.driver, ExtractRequest(instruction))
            times.append(time.perf_counter() - began)
            scores.append(f1(found.value, expected))
            if show and scores[-1] < ENOUGH:
                print(
                    f"  {scores[-1]:.2f}: {page} {instruction!r} → {json.dumps(found.value, ensure_ascii=False)[:300]}"
                )
    return {
        "cases": len(scores), "passed": round(sum(s >= ENOUGH for s in scores) / len(scores), 3),
        "mean F1": round(statistics.mean(scores), 3), "p95 ms": round(_p95(times) * 1000),
    }  # fmt: skip


def f1(found: Any, expected: Any) -> float:
    """Over (row, value) pairs, values as their text; a list where one value is expected names equally good forms of it."""
    rows = found if isinstance(found, list) else [found] if found else []
    wanted = expected if isinstance(expected, list) else [expected]
    have = Counter(
        (n, _value(value)) for n, row in enumerate(rows) for key, value in _pairs(row) if not key.endswith("Currency")
    )
    want = [
        {(n, _value(form)) for form in (value if isinstance(value, list) else [value])}
        for n, row in enumerate(wanted)
        for value in row.values()
    ]
    offered, both = have.total(), 0
    for forms in want:
        if met := next((form for form in forms if have[form] > 0), None):
            have[met] -= 1
            both += 1
    return 2 * both / (offered + len(want)) if both else 0.0


def _pairs(row: Any) -> list[tuple[str, Any]]:
    return list(row.items()) if isinstance(row, dict) else [("", row)]


def _value(value: Any) -> str:
    if isinstance(value, float) and value == int(value):
        value = int(value)
    here = re.sub(r"^http://127\.0\.0\.1:\d+/", "~/", str(value))
    return re.sub(r"\s+", " ", here).strip().casefold()


def hostile(site: Any, show: bool) -> dict[str, Any]:
    """Hostile pages that end within their deadline, and good tasks right after each."""
    from tasks.tests.browser.site import HOSTILE

    in_time = good = 0
    late: list[float] = []
    for name in HOSTILE:
        began = time.monotonic()
        _play(site, [f"hostile/{name}"], [{"type": "screenshot", "config": {"timeout": 2000}}], seconds=6)
        late.append(max(0.0, time.monotonic() - began - 6))
        in_time += late[-1] <= 5
        good += _play(site, ["shop/index.html"], [{"type": "assert", "config": {"text": "Aldgate"}}], seconds=20)
    return {
        "pages": len(HOSTILE),
        "in time": in_time,
        "good task after": good,
        "longest past deadline s": round(max(late), 1),
    }


def speed(site: Any, show: bool) -> dict[str, Any]:
    """Cold against warm, one task's time, and tasks a second with two workers."""
    from tasks.executors.browser.pool import shared_pool

    cold, warm = [], []
    for _ in range(5):
        shared_pool().close()
        cold.append(_timed(lambda: _play(site, ["shop/index.html"], READ)))
        warm.extend(_timed(lambda: _play(site, ["shop/index.html"], READ)) for _ in range(4))
    began, count = time.perf_counter(), 24
    with ThreadPoolExecutor(2) as workers:
        done = list(
            workers.map(lambda _: _play(site, ["shop/index.html"], [*READ, {"type": "screenshot"}]), range(count))
        )
    rate = count / (time.perf_counter() - began)
    return {
        "cold p50 s": round(statistics.median(cold), 2), "warm p50 s": round(statistics.median(warm), 2),
        "warm p95 s": round(_p95(warm), 2), "warm / cold": round(statistics.median(warm) / statistics.median(cold), 2),
        "tasks/s, 2 workers": round(rate, 1), "all good": all(done),
    }  # fmt: skip


READ: list[dict[str, Any]] = [{"type": "extract", "config": {"instruction": "Extract all product names and prices"}}]


def size(site: Any, show: bool) -> dict[str, Any]:
    """Time to match one instruction on pages of growing size."""
    from tasks.executors.browser.errors import Unsure
    from tasks.executors.browser.understanding.base import FindRequest
    from tasks.executors.browser.understanding.deterministic import finding

    figures: dict[str, Any] = {}
    fill = (
        "document.body.innerHTML = '<ul>' + Array.from({length: arguments[0]}, (_, n) => `<li><span>Row ${n}</span>"
        "<a href='#${n}'>Item ${n}</a> <button>Buy ${n}</button></li>`).join('') + '</ul><button>Finish order</button>'"
    )
    with session() as browser:
        browser.driver.set_script_timeout(60)
        for elements in (5_000, 80_000):
            browser.driver.get(site.url("shop/terms.html"))
            browser.driver.execute_script(fill, elements // 4)
            times = []
            for _ in range(5):
                began = time.perf_counter()
                try:
                    finding.find(browser.driver, FindRequest("Finish order", "click", 0.0, time.sleep))
                except Unsure as refusal:
                    print(f"  refused at {elements}: {refusal}")
                times.append(time.perf_counter() - began)
            figures[f"{elements} elements, p95 s"] = round(_p95(times), 2)
    return figures


WORKER = (
    "from bench import browser; browser._set_up();"
    "from tasks.executors.browser import pool; import time\n"
    "with pool.shared_pool().lease() as lease:\n"
    "    print(lease.browser.group.process.pid, flush=True); time.sleep(60)"
)


def kill(site: Any, show: bool) -> dict[str, Any]:
    """Processes left 10 s after SIGKILL of a worker and one pass of the reaper."""
    from tasks.executors.browser import pool, processes

    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    group = int(worker.stdout.readline())
    before = len(list(processes.members(group)))
    os.kill(worker.pid, signal.SIGKILL)
    worker.communicate()
    until = time.monotonic() + 10
    while list(processes.members(group)) and time.monotonic() < until:
        time.sleep(0.1)
    took = 10 - (until - time.monotonic())
    pool.reap_orphans()
    return {"before": before, "left": len(list(processes.members(group))), "gone after s": round(took, 1)}


def long_run(site: Any, count: int) -> dict[str, Any]:
    """Growth of the private memory of the worker and its browser over many tasks.

    Private (USS): what is shared is counted by how many Chromiums the machine runs just then. Both are measured with a
    browser that has done equally many tasks, since the pool makes a new one every so often.
    """
    import psutil

    from tasks.executors.browser import processes
    from tasks.executors.browser.pool import shared_pool

    def memory() -> float:
        browsers = [member for idle in shared_pool()._idle for member in processes.members(idle.group.process.pid)]
        return sum(each.memory_full_info().uss for each in [psutil.Process(), *browsers]) / (1 << 20)

    good = 0
    seen: list[float] = []
    for n in range(count):
        good += _play(site, ["shop/index.html"], READ)
        if n % 50 == 20:
            seen.append(memory())
    early, late = seen[0], seen[-1]
    return {
        "tasks": count,
        "good": good,
        "MB early": round(early),
        "MB late": round(late),
        "growth": round(late / early - 1, 3),
    }


def _play(site: Any, paths: list[str], steps: list[dict[str, Any]], seconds: float = 30.0) -> bool:
    """One attempt as a worker makes it, its ledger and memory kept here."""
    from tasks.executors.base import Stopped
    from tasks.executors.browser.config import BrowserConfig
    from tasks.executors.browser.drivers import open_session
    from tasks.executors.browser.errors import BrowserError
    from tasks.executors.browser.performing import Performance
    from tasks.executors.browser.run import Run
    from tasks.executors.browser.sessions import Watchdog
    from tasks.executors.browser.understanding.service import Understanding
    from tasks.tests.browser.conftest import MemoryContext

    opened = [{"type": "navigate", "config": {"url": site.url(path), "timeout": 5000}} for path in paths]
    config = BrowserConfig.model_validate({"automationSteps": [*opened, *steps]})
    ctx: Any = MemoryContext({}, seconds)
    try:
        with open_session("local", ctx) as browser, Watchdog(browser, ctx):
            run = Run(browser, ctx, Understanding(), ctx.save_artifact)
            return Performance(run, config.steps).play() is None
    except (Stopped, BrowserError):
        return False


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _p95(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


if __name__ == "__main__":
    sys.exit(main())
