"""api_call: one guarded HTTP request to an outside API."""

from __future__ import annotations

from tasks.executors.api_call.config import ApiCallConfig
from tasks.executors.api_call.executor import ApiCall

__all__ = ["ApiCall", "ApiCallConfig"]
