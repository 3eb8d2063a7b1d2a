"""GoHighLevel as far as five actions need it: a real HTTP server that keeps to the published contract.

It refuses what the API refuses: a missing or invented Version (401), unknown body keys and wrong types (422), a bad
token (401), a foreign location (403), more than `limit` requests in a window (429). test_ghl_contract.py compares the
tables below with the OpenAPI files, less their known defects.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

VERSIONS = ("v3", "2023-02-21", "2021-07-28", "2021-04-15")
LOCATION = "loc1"
TOKEN = "pit-00000000-1111-2222-3333-444444444444"

TEXT, FLAG, NUMBER, LIST, OBJECT, ANY = "string", "boolean", "number", "array", "object", "any"
PERSON = {
    **dict.fromkeys(
        ["firstName", "lastName", "name", "email", "phone", "address1", "city", "state", "postalCode", "website",
         "timezone", "source", "country", "assignedTo"],
        TEXT,
    ),
    "dateOfBirth": ANY, "dnd": FLAG, "dndSettings": OBJECT, "inboundDndSettings": OBJECT, "tags": LIST,
    "customFields": LIST,
}  # fmt: skip
NEW_PERSON = {**PERSON, "locationId": TEXT, "gender": TEXT, "companyName": TEXT}
OPPORTUNITY = {
    **dict.fromkeys(["pipelineId", "locationId", "name", "pipelineStageId", "status", "contactId", "assignedTo"], TEXT),
    "monetaryValue": NUMBER, "customFields": LIST,
}  # fmt: skip
MESSAGE = {
    **dict.fromkeys(
        ["type", "contactId", "appointmentId", "emailFrom", "html", "message", "subject", "replyMessageId",
         "templateId", "threadId", "conversationProviderId", "emailTo", "emailReplyMode", "fromNumber", "toNumber",
         "status"],
        TEXT,
    ),
    "subType": ANY, "attachments": LIST, "emailCc": LIST, "emailBcc": LIST, "scheduledTimestamp": NUMBER,
}  # fmt: skip


@dataclass(frozen=True)
class Route:
    """One operation: what its body and query may and must hold."""

    method: str
    path: str
    name: str
    body: dict[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    success: int = 200


ROUTES = [
    Route("POST", "/contacts/upsert", "upsert", {**NEW_PERSON, "createNewIfDuplicateAllowed": FLAG}, ("locationId",)),
    Route("POST", "/contacts/", "create_contact", NEW_PERSON, ("locationId",), success=201),
    Route("GET", "/contacts/search/duplicate", "find_duplicate", query=("locationId",)),
    Route("GET", "/contacts/{contactId}", "get_contact"),
    Route("PUT", "/contacts/{contactId}", "update_contact", PERSON),
    Route("POST", "/contacts/{contactId}/tags", "add_tags", {"tags": LIST}, ("tags",), success=201),
    Route("POST", "/conversations/messages", "send_message", MESSAGE, ("type", "contactId")),
    Route("GET", "/conversations/search", "search_conversations", query=("locationId",)),
    Route("GET", "/conversations/{conversationId}/messages", "list_messages"),
    Route("POST", "/opportunities/", "create_opportunity", OPPORTUNITY,
          ("pipelineId", "locationId", "name", "status", "contactId"), success=201),
    Route("GET", "/opportunities/search", "search_opportunities"),
    Route("GET", "/opportunities/pipelines", "list_pipelines", query=("locationId",)),
    Route("GET", "/locations/{locationId}/customFields", "list_custom_fields"),
]  # fmt: skip

ENUMS = {
    ("send_message", "type"): ("SMS", "RCS", "Email", "WhatsApp", "IG", "FB", "Custom", "Live_Chat", "TIKTOK"),
    ("create_opportunity", "status"): ("open", "won", "lost", "abandoned", "all"),
}


class Answer(Exception):
    """Ends a request with an error answer."""

    def __init__(self, status: int, message: Any, **more: Any) -> None:
        super().__init__(status)
        names = {401: "Unauthorized", 403: "Forbidden", 422: "Unprocessable Entity", 400: "Bad Request"}
        self.status = status
        self.body = {"statusCode": status, "message": message, **more}
        if status in names:
            self.body.setdefault("error", names[status])


class FakeGhl(ThreadingHTTPServer):
    """`base_url` is what GHL_BASE_URL points at. `requests` is the log of (route name, body); `effects` counts writes
    that took effect, by route name. `fail(name, how)` breaks the next request of a route: a status, "cut" (the effect
    happens and the connection ends), "cut before" (nothing happens), "hang" (the effect happens, no answer)."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens: dict[str, set[str]] = {TOKEN: {LOCATION}}
        self.allow_duplicates = True
        self.limit, self.window_s = 100, 10.0
        self.daily_remaining = 199_000
        self.contacts: dict[str, dict[str, Any]] = {}
        self.messages: list[dict[str, Any]] = []
        self.opportunities: dict[str, dict[str, Any]] = {}
        stages = [{"id": "stage1", "name": "New lead"}, {"id": "stage2", "name": "Won"}]
        self.pipelines = [{"id": "pipe1", "name": "Sales", "locationId": LOCATION, "stages": stages}]
        self.fields = [
            {"id": "field1", "name": "Favourite colour", "fieldKey": "contact.favourite_colour", "model": "contact"},
            {"id": "field2", "name": "Budget", "fieldKey": "opportunity.budget", "model": "opportunity"},
        ]
        self.requests: list[tuple[str, Any]] = []
        self.headers_seen: list[dict[str, str]] = []
        self.effects: Counter[str] = Counter()
        self.refused_429 = 0
        self.stopping = threading.Event()
        self._faults: dict[str, deque[Any]] = {}
        self._times: deque[float] = deque()
        self._ids = itertools.count(1)
        self.lock = threading.RLock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def fail(self, name: str, *hows: Any) -> None:
        self._faults.setdefault(name, deque()).extend(hows)

    def next_fault(self, name: str) -> Any:
        with self.lock:
            queue = self._faults.get(name)
            return queue.popleft() if queue else None

    def new_id(self, prefix: str) -> str:
        return f"{prefix}{next(self._ids)}"

    def seen(self, name: str) -> list[Any]:
        return [body for route, body in self.requests if route == name]

    def count(self) -> tuple[bool, int]:
        """Whether one more request fits the window, and how many are left after it."""
        with self.lock:
            now = time.monotonic()
            while self._times and self._times[0] <= now - self.window_s:
                self._times.popleft()
            if len(self._times) >= self.limit:
                self.refused_429 += 1
                return False, 0
            self._times.append(now)
            return True, self.limit - len(self._times)

    # --- what each route does; `call` has body, query, parts (of the path) and version

    def do_upsert(self, call: _Call) -> dict[str, Any]:
        found = None if call.body.get("createNewIfDuplicateAllowed") else self._same_person(call.body)
        new = found is None
        contact = found or self._new_contact(call.body)
        # As the real one: tags given here replace those there are.
        contact.update({k: v for k, v in call.body.items() if k != "createNewIfDuplicateAllowed"})
        return {"new": new, "contact": dict(contact)}

    def do_create_contact(self, call: _Call) -> dict[str, Any]:
        self._refuse_duplicate(call.body)
        return {"contact": dict(self._new_contact(call.body))}

    def do_find_duplicate(self, call: _Call) -> dict[str, Any]:
        wanted = {"email": call.query.get("email"), "phone": call.query.get("number")}
        found = self._same_person({**{k: v for k, v in wanted.items() if v}, "locationId": call.query["locationId"]})
        return {"contact": dict(found) if found else None}

    def do_get_contact(self, call: _Call) -> dict[str, Any]:
        return {"contact": dict(self._contact(call))}

    def do_update_contact(self, call: _Call) -> dict[str, Any]:
        contact = self._contact(call)
        contact.update(call.body)
        return {"succeeded" if call.version == "v3" else "succeded": True, "contact": dict(contact)}

    def do_add_tags(self, call: _Call) -> dict[str, Any]:
        contact = self._contact(call)
        contact["tags"] = list(dict.fromkeys([*contact.get("tags", []), *call.body["tags"]]))
        return {"tags": contact["tags"]}

    def do_send_message(self, call: _Call) -> dict[str, Any]:
        contact = self.contacts.get(call.body["contactId"])
        if contact is None:
            raise Answer(400, "Contact not found")
        if not contact.get("phone") and not call.body.get("toNumber"):
            raise Answer(400, "Missing phone number")
        if contact.get("dnd") or contact.get("dndSettings", {}).get("SMS", {}).get("status") == "active":
            raise Answer(400, "Cannot send message as DND is active for SMS.")
        if contact.get("unsubscribed"):
            raise Answer(400, f"Cannot send message as {contact['phone']} has unsubscribed")
        message = {
            "id": self.new_id("msg"),
            "type": 2,
            "messageType": "TYPE_SMS",
            "contactId": contact["id"],
            "locationId": contact["locationId"],
            "conversationId": f"conv-{contact['id']}",
            "body": call.body["message"],
            "direction": "outbound",
            "status": "pending",
            "contentType": "text/plain",
            "dateAdded": _now(),
        }
        self.messages.append(message)
        return {"conversationId": message["conversationId"], "messageId": message["id"], "msg": "Message queued."}

    def do_search_conversations(self, call: _Call) -> dict[str, Any]:
        contact_id = call.query.get("contactId")
        ids = dict.fromkeys(m["conversationId"] for m in self.messages if m["contactId"] == contact_id)
        found = [{"id": one, "contactId": contact_id, "locationId": call.query["locationId"]} for one in ids]
        return {"conversations": found, "total": len(found)}

    def do_list_messages(self, call: _Call) -> dict[str, Any]:
        found = [m for m in reversed(self.messages) if m["conversationId"] == call.parts["conversationId"]]
        page = {"lastMessageId": found[-1]["id"] if found else "", "nextPage": False, "messages": found}
        return page if call.version == "v3" else {"messages": page}

    def do_create_opportunity(self, call: _Call) -> dict[str, Any]:
        pair = (call.body["contactId"], call.body["pipelineId"])
        for one in self.opportunities.values():
            if (one["contactId"], one["pipelineId"]) == pair:
                raise Answer(400, "Can not create duplicate opportunity for the contact.",
                             code="OPPORTUNITY_NO_DUPLICATE", meta={"existingId": one["id"]})  # fmt: skip
        made = {**call.body, "id": self.new_id("opp"), "createdAt": _now()}
        self.opportunities[made["id"]] = made
        return {"opportunity": dict(made)}

    def do_search_opportunities(self, call: _Call) -> dict[str, Any]:
        snake = call.version != "v3"
        names = ("location_id", "contact_id", "pipeline_id") if snake else ("locationId", "contactId", "pipelineId")
        wrong = sorted(set(call.query) - {*names, "limit", "q", "status"})
        if wrong:
            raise Answer(422, [f"property {name} should not exist" for name in wrong])
        if names[0] not in call.query:
            raise Answer(422, [f"{names[0]} should not be empty"])
        self.check_location(call, call.query[names[0]])
        found = [
            one for one in self.opportunities.values()
            if one["contactId"] == call.query.get(names[1], one["contactId"])
            and one["pipelineId"] == call.query.get(names[2], one["pipelineId"])
        ]  # fmt: skip
        return {"opportunities": found, "meta": {"total": len(found)}}

    def do_list_pipelines(self, call: _Call) -> dict[str, Any]:
        return {"pipelines": self.pipelines}

    def do_list_custom_fields(self, call: _Call) -> dict[str, Any]:
        self.check_location(call, call.parts["locationId"])
        model = call.query.get("model", "contact")
        return {"customFields": [one for one in self.fields if model in ("all", one["model"])]}

    # --- pieces

    def check_location(self, call: _Call, location: str) -> None:
        if location not in self.tokens[call.token]:
            raise Answer(403, "You do not have permission to access this resource")

    def add(self, **fields: Any) -> dict[str, Any]:
        """A contact that is there already."""
        return self._new_contact({"locationId": LOCATION, **fields})

    def _new_contact(self, body: dict[str, Any]) -> dict[str, Any]:
        contact = {**body, "id": self.new_id("contact")}
        self.contacts[contact["id"]] = contact
        return contact

    def _contact(self, call: _Call) -> dict[str, Any]:
        contact = self.contacts.get(call.parts["contactId"])
        if contact is None:
            raise Answer(404, "Contact not found")
        self.check_location(call, contact["locationId"])
        return contact

    def _same_person(self, body: dict[str, Any]) -> dict[str, Any] | None:
        for name in ("email", "phone"):
            for contact in self.contacts.values():
                if body.get(name) and contact.get(name) == body[name] and contact["locationId"] == body["locationId"]:
                    return contact
        return None

    def _refuse_duplicate(self, body: dict[str, Any]) -> None:
        found = None if self.allow_duplicates else self._same_person(body)
        if found:
            field_ = "email" if found.get("email") == body.get("email") else "phone"
            meta = {"contactId": found["id"], "contactName": found.get("name", ""), "matchingField": field_}
            raise Answer(400, "This location does not allow duplicated contacts.", meta=meta)


@dataclass
class _Call:
    body: dict[str, Any]
    query: dict[str, str]
    parts: dict[str, str]
    version: str
    token: str


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeGhl

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def _serve(self) -> None:
        self.close_connection = True
        fits, left = self.server.count()
        self._left = left
        try:
            if not fits:
                raise Answer(429, "Too Many Requests")
            status, body = self._result()
        except Answer as answer:
            status, body = answer.status, answer.body
        if status:
            self._send(status, body)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _result(self) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(self.path)
        route, names = self._route(parts.path)
        call = _Call(self._body(), {k: v[0] for k, v in parse_qs(parts.query).items()}, names, *self._who())
        self.server.headers_seen.append(dict(self.headers))
        self.server.requests.append((route.name, call.body if route.body else call.query))
        _check_shape(route, call)
        if "locationId" in call.body or "locationId" in route.query:
            self.server.check_location(call, call.body.get("locationId") or call.query["locationId"])
        fault = self.server.next_fault(route.name)
        if isinstance(fault, int):
            raise Answer(fault, "Something went wrong")
        if fault == "cut before":
            return 0, {}
        with self.server.lock:
            result = getattr(self.server, f"do_{route.name}")(call)
            if route.method != "GET":
                self.server.effects[route.name] += 1
        if fault == "hang":
            self.server.stopping.wait(60)
        return (0, {}) if fault in ("cut", "hang") else (route.success, result)

    def _route(self, path: str) -> tuple[Route, dict[str, str]]:
        for route in ROUTES:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path)
            found = re.fullmatch(pattern, path)
            if found and route.method == self.command:
                return route, found.groupdict()
        raise Answer(404, f"Cannot {self.command} {path}")

    def _who(self) -> tuple[str, str]:
        version = self.headers.get("Version")
        if version is None:
            raise Answer(401, "version header was not found.")
        if version not in VERSIONS:
            raise Answer(401, "version header is invalid")
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in self.server.tokens:
            raise Answer(401, "Invalid token: access token is invalid" if token.startswith("pit-") else "Invalid JWT")
        return version, token

    def _body(self) -> dict[str, Any]:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not raw:
            return {}
        if self.headers.get("Content-Type") != "application/json":
            raise Answer(415, "Unsupported Media Type")
        try:
            value = json.loads(raw)
        except ValueError:
            raise Answer(400, "Unexpected token in JSON") from None
        if not isinstance(value, dict):
            raise Answer(400, "Bad Request")
        return value

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps({**body, "traceId": self.server.new_id("trace-")}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-RateLimit-Max", str(self.server.limit))
        self.send_header("X-RateLimit-Remaining", str(self._left))
        self.send_header("X-RateLimit-Interval-Milliseconds", str(int(self.server.window_s * 1000)))
        self.send_header("X-RateLimit-Limit-Daily", "200000")
        self.send_header("X-RateLimit-Daily-Remaining", str(self.server.daily_remaining))
        self.end_headers()
        self.wfile.write(data)


def _check_shape(route: Route, call: _Call) -> None:
    """422 with a list of sentences, as the real one says them."""
    wrong = [f"property {name} should not exist" for name in sorted(set(call.body) - set(route.body))]
    wrong += [f"{name} should not be empty" for name in route.required if call.body.get(name) in (None, "", [])]
    wrong += [f"{name} should not be empty" for name in route.query if not call.query.get(name)]
    for name, value in call.body.items():
        if name in route.body and value is not None and not _is_a(value, route.body[name]):
            wrong.append(f"{name} must be a {route.body[name]}")
        allowed = ENUMS.get((route.name, name))
        if allowed and value not in allowed:
            wrong.append(f"{name} must be one of the following values: {', '.join(allowed)}")
    wrong += _wrong_fields(route, call)
    if wrong:
        raise Answer(422, wrong)


def _wrong_fields(route: Route, call: _Call) -> list[str]:
    """Custom fields: id or key, and the value under the name of the version."""
    names = {"fieldValue"} if call.version == "v3" else {"field_value"}
    if route.name != "create_opportunity":
        names.add("field_value")
    wrong = []
    for index, item in enumerate(call.body.get("customFields") or []):
        if not isinstance(item, dict) or not (item.get("id") or item.get("key")):
            wrong.append(f"customFields.{index}.id should not be empty")
        elif set(item) - {"id", "key"} - names or not set(item) & names:
            wrong.append(f"customFields.{index} must have {' or '.join(sorted(names))} only")
    return wrong


def _is_a(value: Any, kind: str) -> bool:
    kinds: dict[str, Any] = {TEXT: str, LIST: list, OBJECT: dict, FLAG: bool}
    if kind == ANY:
        return True
    if kind == NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kinds[kind])
