"""One request to GoHighLevel: token, version, limit, and the answer told apart into result and errors."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings

from agency import credentials, db, http
from tasks.executors.base import Context
from tasks.executors.ghl import limits
from tasks.executors.ghl.errors import Busy, NoToken, Refused, Unavailable

logger = logging.getLogger(__name__)

Family = Literal["contacts", "conversations", "opportunities", "locations"]
CALL_SECONDS = 20.0
#: A wait shorter than this is slept through: handing back and claiming again costs more.
NAP_SECONDS = 0.25
MAX_MESSAGE = 500

#: Before v3 the families were versioned apart (Versioning.md); one setting still names them all.
_CONVERSATIONS_BEFORE_V3 = "2021-04-15"


def version_of(family: Family) -> str:
    """The value of the Version header. A missing or invented one is answered with 401, not 400."""
    version: str = settings.GHL_API_VERSION
    return _CONVERSATIONS_BEFORE_V3 if family == "conversations" and version == "2021-07-28" else version


def is_v3() -> bool:
    """Whether the v3 spellings apply (`fieldValue`, camelCase search parameters)."""
    return str(settings.GHL_API_VERSION).startswith("v")


@dataclass(frozen=True)
class Answer:
    """A 2xx answer: its JSON object (empty when it was none), and the API's own id of the request."""

    data: dict[str, Any]
    status: int
    trace_id: str


class Client:
    """Requests for one attempt, to one location. Raises the errors of `tasks.executors.ghl.errors`, and Stopped."""

    def __init__(self, location: str, ctx: Context) -> None:
        self.location = location
        self._ctx = ctx
        self._token = ""

    def get(self, family: Family, path: str, params: dict[str, Any] | None = None) -> Answer:
        """A read: takes its own ticket."""
        self.ready()
        return self.send("GET", family, path, params=params)

    def ready(self) -> None:
        """Token and ticket for the next request. Raises NoToken, or Busy before anything is written anywhere."""
        self._ctx.check()
        self._token = self._token or self._find_token()
        wait_s = limits.take(self.location)
        if 0 < wait_s <= NAP_SECONDS:
            self._ctx.sleep(wait_s)
            wait_s = limits.take(self.location)
        if wait_s > 0:
            raise Busy(wait_s)

    def send(self, method: str, family: Family, path: str, *, params: Any = None, json: Any = None) -> Answer:
        """One request; call `ready` before. Raises Refused, Unavailable, Busy."""
        started = time.monotonic()
        try:
            response = http.request(
                method,
                settings.GHL_BASE_URL.rstrip("/") + path,
                headers={
                    "Authorization": f"Bearer {self._token}",
                    "Version": version_of(family),
                    "Accept": "application/json",
                },
                params=params,
                json=json,
                timeout_s=min(CALL_SECONDS, max(0.1, self._ctx.remaining_s())),
                while_waiting=None if method != "GET" else self._ctx.check,
            )
        except http.TargetNotAllowed as error:
            raise Refused(0, f"GHL_BASE_URL: {error}", {}) from error
        except http.OutboundError as error:
            timed_out = isinstance(error, http.TimedOut)
            raise Unavailable(f"GoHighLevel: {error}", sent=error.sent, timed_out=timed_out) from error
        finally:
            logger.debug("ghl %s %s took %d ms", method, path, (time.monotonic() - started) * 1000)
        limits.learn(self.location, response.headers)
        return self._told_apart(response)

    def _told_apart(self, response: http.Response) -> Answer:
        body = _object_of(response)
        trace_id = str(body.get("traceId") or response.headers.get("traceid", ""))[:100]
        if response.ok:
            return Answer(body, response.status, trace_id)
        logger.info("ghl answered %d, trace %s", response.status, trace_id or "none")
        if response.status == 429:
            wait_s = response.retry_after_s or limits.interval_s(response.headers)
            limits.pause(self.location, wait_s)
            raise Busy(wait_s)
        message = f"GoHighLevel answered {response.status}: {_message_of(body) or response.reason}"
        if response.status >= 500 or response.status == 408:
            raise Unavailable(message, sent=True, retry_after_s=response.retry_after_s)
        raise Refused(response.status, message, body, trace_id)

    def _find_token(self) -> str:
        """The location's own credential, else GHL_API_KEY, which holds a Private Integration Token."""
        host = http.host_of(settings.GHL_BASE_URL)
        own = credentials.for_account("ghl", self.location)
        if own is not None:
            used_by = f"task {self._ctx.task.id}, ghl_action"
            token = credentials.resolve(credentials.reference(own), host=host, used_by=used_by)
        else:
            token = settings.GHL_API_KEY
        db.release()
        if not token:
            raise NoToken(
                f"GoHighLevel has no token for location {self.location}: set GHL_API_KEY, or add a credential "
                "of kind GoHighLevel for it"
            )
        credentials.note(token)
        return str(token)


def _object_of(response: http.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _message_of(body: dict[str, Any]) -> str:
    """`message` is a text, or a list of them (422)."""
    message = body.get("message") or body.get("msg") or body.get("error") or ""
    parts = message if isinstance(message, list) else [message]
    return "; ".join(str(part) for part in parts)[:MAX_MESSAGE]
