"""The digest that binds an approval to exactly what will run."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def of(task_type: str, config: dict[str, Any], target: str, template_id: int | None = None) -> str:
    """sha256 of the canonical JSON of what a task will do: type, config, account acted on, template it came from."""
    content = {"taskType": task_type, "executionConfig": config, "target": target, "template": template_id}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def of_request(request: Any) -> str:
    """sha256 of the canonical JSON of one outside request, for the effect ledger."""
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
