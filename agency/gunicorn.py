"""How gunicorn serves, on a machine of one's own and in the image alike."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
graceful_timeout = 30
keepalive = 5
# A worker that starts anew costs seconds of a core: seldom enough not to be felt, often enough against slow leaks.
max_requests = 50_000
max_requests_jitter = 5_000
if Path("/dev/shm").is_dir():  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108  (heartbeats of the workers, never on a slow disk)
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    """What the start loaded stays: the collector need not walk it again and again."""
    gc.freeze()
