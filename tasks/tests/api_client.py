"""A caller of the REST API in tests: JSON in, JSON out, a token in the header."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client

from agency.api import tokens
from tasks.tests.factories import UserFactory

ALL = ("read", "write", "review", "admin")
CALL = {
    "title": "Fetch user data",
    "taskType": "api_call",
    "executionConfig": {"apiEndpoint": "https://api.example.com/users", "apiMethod": "GET"},
}


class Api:
    """Calls as one user. Every answer is a Django response with `.json()`."""

    def __init__(self, user: Any = None, scopes: tuple[str, ...] = ALL, **fields: Any) -> None:
        self.user = user or UserFactory(**fields)
        self.token = tokens.create(self.user, scopes=scopes)[1]
        self.client = Client(raise_request_exception=False)

    @classmethod
    def of(cls, other: Api) -> Api:
        """Another connection of the same caller, for a thread of its own."""
        api = cls.__new__(cls)
        api.user, api.token, api.client = other.user, other.token, Client(raise_request_exception=False)
        return api

    def call(self, method: str, path: str, body: Any = None, /, **headers: str) -> Any:
        """`path` is below /api/v1/; `body` is JSON, or bytes as they are."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        kind = sent.pop("Content-Type", "application/json" if data else "")
        return self.client.generic(method, f"/api/v1/{path}", data, content_type=kind, headers=sent)

    def get(self, path: str, /, **headers: str) -> Any:
        return self.call("GET", path, None, **headers)

    def post(self, path: str, body: Any = None, /, **headers: str) -> Any:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any, /, **headers: str) -> Any:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, /, **headers: str) -> Any:
        return self.call("DELETE", path, None, **headers)

    def create(self, **fields: Any) -> dict[str, Any]:
        """A new task; fails unless it is accepted."""
        answer = self.post("tasks/", {**CALL, **fields})
        assert answer.status_code == 201, answer.content
        made: dict[str, Any] = answer.json()
        return made


def allow(user: Any, *names: str) -> Any:
    """Gives a user Django permissions such as "approve_task"; answers the user as a new request would load it."""
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))
    return type(user).objects.get(pk=user.pk)
