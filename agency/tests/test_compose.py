"""docker-compose.yml and Dockerfile say the same as the code that `make up` runs."""

from __future__ import annotations

import re

import pytest
import yaml

from agency.local import product
from agency.local.checkout import CHECKOUT
from agency.tests.test_settings import documented

COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
SECRETS = ("SECRET_KEY", "CREDENTIAL_KEYS", "POSTGRES_PASSWORD", "VALKEY_PASSWORD", "PUBLIC_URL")


def test_every_process_of_the_product_is_a_service():
    expected = {program.name for program in product.programs("127.0.0.1", 8000)} | {"postgres", "valkey", "migrate"}
    assert set(SERVICES) == expected


@pytest.mark.parametrize("queue", product.WORKER_THREADS)
def test_workers_run_as_under_make_up(queue):
    expected = product.worker(queue)
    service = SERVICES[expected.name]
    # Both name the program, then the same arguments; the log level is each one's own matter.
    arguments = [a for a in expected.command[2:] if a not in ("--loglevel", "INFO")]
    assert service["command"] == arguments
    assert expected.environment.items() <= service["environment"].items()


def test_a_stop_waits_longer_than_a_soft_shutdown():
    for name, service in SERVICES.items():
        if name.startswith("worker-") or name in ("web", "beat"):
            assert int(service["stop_grace_period"].rstrip("s")) >= 30, name


def test_secrets_have_no_default():
    text = (CHECKOUT / "docker-compose.yml").read_text()
    for name in SECRETS:
        uses = re.findall(r"\$\{" + name + r"(.*?)\}", text)
        assert uses
        assert all(use.startswith(":?") for use in uses), name


def test_services_set_only_known_settings():
    known = documented() | {"REMAP_SIGTERM"}
    for name, service in SERVICES.items():
        if name not in ("postgres", "valkey"):
            assert set(service["environment"]) <= known, name


def test_servers_are_not_published_and_keep_their_data():
    for name in ("postgres", "valkey"):
        assert "ports" not in SERVICES[name]
        assert SERVICES[name]["volumes"][0].split(":")[0] in COMPOSE["volumes"]
    assert "noeviction" in " ".join(SERVICES["valkey"]["command"])
    assert SERVICES["web"]["ports"][0].startswith("${BIND:-127.0.0.1}:")


def test_nothing_starts_before_the_migration():
    for name, service in SERVICES.items():
        if name not in ("postgres", "valkey", "migrate"):
            assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully", name


def test_the_image_runs_as_an_ordinary_user_and_checks_its_health():
    dockerfile = (CHECKOUT / "Dockerfile").read_text()
    assert re.search(r"^USER [1-9]", dockerfile, re.MULTILINE)
    assert "/readyz" in dockerfile
    assert "--require-hashes" in dockerfile
