"""The OpenAPI document: current, served offline, and true under schemathesis with all its checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from agency.api.document import document
from agency.local.checkout import CHECKOUT
from tasks.tests.api_client import Api

COMMITTED = CHECKOUT / "docs" / "openapi.json"
#: 400, 412 and 422 refuse what no schema can say: a cursor, an ETag or an Idempotency-Key that is not ours, an address
#: that is not allowed, an id that does not exist.
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "412", "422", "429"]
# What is cancelled, switched off or revoked stays to be looked at.
[[operations]]
include-path-regex = "/(tasks|templates|credentials)/[^/]+/$"
checks.use_after_free.enabled = false
"""
#: The same requests every time, by one worker; SCHEMATHESIS_SEED=… tries others. Every check is on by default;
#: `--checks all` would undo the exception above.
SEED = os.environ.get("SCHEMATHESIS_SEED", "1")


def test_the_committed_document_is_current() -> None:
    assert COMMITTED.read_text() == document(), "run: python manage.py openapi > docs/openapi.json"


def test_the_document_and_its_page_are_served_without_a_login_and_from_this_host_only() -> None:
    client = Client()
    served = client.get("/api/schema/")
    assert served.json() == json.loads(document())
    assert served.json()["openapi"].startswith("3.1")
    assert client.get("/api/schema/", headers={"If-None-Match": served["ETag"]}).status_code == 304
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert "script-src 'self'" in page["Content-Security-Policy"]
    assert "//" not in page.content.decode().replace("<!DOCTYPE html>", "")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_schemathesis_finds_nothing_with_all_its_checks(live_server: Any, tmp_path: Path) -> None:
    api = Api(is_staff=True, is_superuser=True)
    for _ in range(2):
        api.create(requiresHumanReview=True)
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    run = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis", "--config-file", tmp_path / "schemathesis.toml", "run",
            f"{live_server.url}/api/schema/", "--header", f"Authorization: Bearer {api.token}",
            "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "5", "--max-time", "45",
            "--request-timeout", "20", "--continue-on-failure", "--no-color", "--workers", "1", "--seed", SEED,
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=110, env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-60_000:] + run.stderr[-3_000:]
