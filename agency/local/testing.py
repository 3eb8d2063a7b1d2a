"""A pytest plugin (pytest.ini loads it first): the environment every test starts from.

`python -m agency.local test` brings servers and sets DATABASE_URL and REDIS_URL. Without them, tests that need no
server run all the same (`python -m pytest`); the addresses below answer to nobody.
"""

from __future__ import annotations

import base64
import os

TEST_ENVIRONMENT = {
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "only-for-tests-" + "k" * 50,
    "CREDENTIAL_KEYS": "k1:" + base64.b64encode(b"only-for-tests-32-bytes-of-key!!").decode(),
    "STATIC_COLLECTED": "false",
    "EMAIL_URL": "memorymail://",
    "LOG_LEVEL": "INFO",
}
UNREACHABLE = {
    "DATABASE_URL": "postgres://nobody@127.0.0.1:9/agency",
    "REDIS_URL": "redis://127.0.0.1:9/0",
}

os.environ.update(TEST_ENVIRONMENT)
for _name, _value in UNREACHABLE.items():
    os.environ.setdefault(_name, _value)
