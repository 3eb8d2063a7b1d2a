"""The rate limits of agency/api/limits.py as a throttle of DRF, with the headers that tell a client where it stands."""

from __future__ import annotations

import math
from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from agency.api import limits
from agency.api.problems import Problem
from agency.models import ApiToken


class LimitThrottle(BaseThrottle):
    """Counts a request against the limit that its view names for the method.

    Headers: draft-ietf-httpapi-ratelimit-headers-10 (RateLimit-Policy, RateLimit) and Retry-After.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """True, or Problem 429; Problem 503 when a guarding limit cannot be counted."""
        name = view.limit_of(request.method or "GET")
        token = request.auth if isinstance(request.auth, ApiToken) else None
        try:
            count = limits.take(name, request.user.pk or 0, token)
        except limits.CannotCount:
            wait = {"Retry-After": str(math.ceil(limits.REST_S))}
            raise Problem(503, "Decisions cannot be counted at the moment; try again", headers=wait) from None
        if count is None:
            return True
        wait_s = max(1, math.ceil(count.wait_s))
        headers = {
            "RateLimit-Policy": f'"{name}";q={count.limit};w={limits.WINDOW_S}',
            "RateLimit": f'"{name}";r={count.left};t={wait_s}',
        }
        request.limit_headers = headers  # type: ignore[attr-defined]
        if not count.allowed:
            detail = f"More than {count.limit} requests of the kind '{name}' in a minute; try again in {wait_s} s"
            raise Problem(429, detail, kind="rate-limit", headers={"Retry-After": str(wait_s)})
        return True
