"""Quick start, tutorial and the plugin's page, run line by line against a whole product of their own."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agency.local import stage
from agency.local.checkout import CHECKOUT
from agency.local.demo.api import Client
from agency.local.stage import Stage
from reports.tests.docs_text import DOCS, blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PLUGIN = DOCS / "how-to" / "executor-plugin.md"
OPEN = {"OUTBOUND_ALLOW_CIDRS": "127.0.0.0/8", "OUTBOUND_ALLOW_HOSTS": "127.0.0.1", "OUTBOUND_HTTP": "*"}


class Outside(ThreadingHTTPServer):
    """In place of the world: GET answers a sentence, POST is kept; Twilio's Messages resource answers as Twilio does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posts: list[tuple[str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Outside

    def do_GET(self) -> None:
        self._answer(200, {"said": "Keep it logically awesome."})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.posts.append((self.path, body))
        self._answer(201, {"sid": "SM" + "0" * 32, "status": "queued"})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    server = Outside()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def product(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A product with the plugin of the documents installed and an administrator named as `make up` names its own."""
    settings = {**OPEN, "TWILIO_BASE_URL": outside.url, "PYTHONPATH": str(installed(tmp_path_factory.mktemp("plugin")))}
    with stage.play(settings, say=lambda line: None) as running:
        running.manage("first_admin")
        yield running


def installed(folder: Path) -> Path:
    """The plugin as pip would leave it."""
    project = tomllib.loads(blocks("toml", "title=pyproject.toml", PLUGIN)[0].text)["project"]
    for block in blocks("python", "title=", PLUGIN):
        path = folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(block.text)
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    points = project["entry-points"]["agency.executors"]
    lines = "\n".join(f"{name} = {value}" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[agency.executors]\n{lines}\n")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    return folder


def run_page(page: Path, product: Stage, outside: Outside) -> str:
    """All runnable blocks of a page in one shell, with this product and this outside in place of theirs."""
    script = "set -euo pipefail\n" + "\n".join(block.text for block in blocks("sh", "run", page))
    script = script.replace("http://localhost:8000", product.url).replace(
        "https://api.github.com/zen", f"{outside.url}/zen"
    )
    script = script.replace('"api.github.com"', f'"{outside.url.removeprefix("http://")}"')
    done = subprocess.run(
        ["bash", "-c", script], env=product.environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_the_quick_start_works(product: Stage, outside: Outside) -> None:
    said = run_page(DOCS / "quickstart.md", product, outside)
    assert '"status": "completed"' in said
    assert "Keep it logically awesome." in said


def test_the_tutorial_ends_with_the_first_approved_sms(product: Stage, outside: Outside) -> None:
    outside.posts.clear()
    said = run_page(DOCS / "tutorial.md", product, outside)
    assert "a-token-of-the-example-api" not in said
    assert re.search(r"API call requires apiEndpoint", said)
    assert [(path.rpartition("/")[2], "Your+site+is+live." in body) for path, body in outside.posts] == [
        ("Messages.json", True)
    ]


def test_the_plugin_of_the_documents_is_found_reviewed_and_runs_once(product: Stage, outside: Outside) -> None:
    outside.posts.clear()
    token = product.manage("api_token", "admin", "--scopes", "read,write,review,admin").split()[-1]
    api = Client(stage.HOST, product.port, token)
    assert "acme_invoice" in [kind["type"] for kind in api.get("task-types/")]
    wish = json.loads(blocks("json", "task", PLUGIN)[0].text)
    wish["executionConfig"]["apiUrl"] = f"{outside.url}/invoices"
    made = api.post("tasks/", wish)
    said = product.manage("tasks", "follow", str(made["id"]))
    assert "completed" in said
    assert [json.loads(body) for _, body in outside.posts] == [{"client": "Example Ltd", "amountCents": 12000}]
    wish["executionConfig"]["amountCents"] = 200_000
    dear = api.post("tasks/", wish)
    assert dear["requiresHumanReview"] is True
    refused = api.call("POST", "tasks/", {**wish, "executionConfig": {"client": "x", "amountCents": 0}})
    assert refused.status == 422
