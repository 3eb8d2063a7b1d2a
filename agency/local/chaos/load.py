"""The drill's customers and reviewers: programs that use the REST API and do not give up while the product is being hit."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from agency.local.chaos.ledger import Ledger
from agency.local.demo.api import Client, Reply

#: A secret in every task: it must not be found anywhere afterwards.
CANARY = "drill-canary-4f1c9b7e2a"
PATIENCE_S = 90.0


class GaveUp(Exception):
    """The API did not accept a call for longer than a patient customer waits."""


@dataclass
class Made:
    """A task that the API accepted, and how it may end."""

    id: int
    kind: str
    path: str
    ends: frozenset[str]
    errors: int | None  # None: any number


@dataclass(frozen=True)
class Kind:
    """One kind of work. `task` gets a number and answers the body of POST tasks/ without its title."""

    name: str
    weight: float
    ends: str
    task: Callable[[Load, int], dict[str, Any]]
    errors: int | None = None


@dataclass
class Load:
    """Everything that was asked for and promised."""

    customer: Client
    reviewer: Client
    ledger: Ledger
    seed: int
    made: list[Made] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    slowest_s: float = 0.0

    def call(self, path: str, method: str = "GET", **config: Any) -> dict[str, Any]:
        """The body of an api_call."""
        secret = {"authType": "bearer", "bearerToken": CANARY}
        return {
            "taskType": "api_call",
            "executionConfig": {"apiEndpoint": self.ledger.url + path, "apiMethod": method, **secret, **config},
        }

    # -- customers
    def customers(self, count: int, per_second: float) -> list[threading.Thread]:
        """Started threads that make tasks until `stopping`."""
        threads = [
            threading.Thread(target=self._customer, args=(number, per_second / count), daemon=True)
            for number in range(count)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _customer(self, me: int, per_second: float) -> None:
        dice = random.Random(f"{self.seed}:{me}")  # noqa: S311
        number = me
        while not self.stopping.wait(dice.expovariate(per_second)):
            kind = dice.choices(KINDS, [one.weight for one in KINDS])[0]
            try:
                self._one(kind, number, dice)
            except GaveUp as gave_up:
                self.trouble.append(f"{kind.name} {number}: {gave_up}")
            number += 100

    def _one(self, kind: Kind, number: int, dice: random.Random) -> None:
        body = {"title": f"{kind.name} {number}", **kind.task(self, number)}
        made = self._make(kind, body, dice)
        if kind.name == "chain":
            for _ in range(2):
                made = self._make(kind, {**body, "dependsOn": [made.id]}, dice)
        elif kind.name == "chain that breaks":
            follower = {**body, **self.call("/ok"), "dependsOn": [made.id], "onDependencyFailure": "cancel"}
            self._make(Kind(kind.name, 0, "cancelled", kind.task), follower, dice)
        elif kind.name == "cancel":
            time.sleep(dice.random())
            self.act(self.customer, made, "cancel", {})
        elif kind.name == "defer":
            self.act(self.customer, made, "defer", {"until": _in(4)})
        elif kind.name == "review":
            self._decide(made, dice)

    def _make(self, kind: Kind, body: dict[str, Any], dice: random.Random) -> Made:
        """Creates a task, however often it takes: the Idempotency-Key makes one of many tries."""
        key = str(UUID(int=dice.getrandbits(128)))
        reply = self.patiently(self.customer, "tasks/", body, key)
        if reply.status != 201:
            raise GaveUp(f"{reply.status} {reply.body}")
        path = str(body.get("executionConfig", {}).get("apiEndpoint", "")).removeprefix(self.ledger.url)
        made = Made(reply.body["id"], kind.name, path, frozenset(kind.ends.split("|")), kind.errors)
        self.made.append(made)
        return made

    def _decide(self, made: Made, dice: random.Random) -> None:
        if dice.random() < 0.8:
            self.act(self.reviewer, made, "approve", {"notes": "Looks right"})
        else:
            self.act(self.reviewer, made, "reject", {"reason": "Not this one"})

    def act(self, who: Client, made: Made, verb: str, body: dict[str, Any]) -> None:
        """An action on a task. 409 is an answer too: it was done already, or somebody else was faster."""
        reply = self.patiently(who, f"tasks/{made.id}/{verb}/", body)
        if reply.status >= 400 and reply.status != 409:
            self.trouble.append(f"{verb} of task {made.id} answered {reply.status} {str(reply.body)[:200]}")

    def patiently(self, who: Client, path: str, body: dict[str, Any], key: str = "") -> Reply:
        """Calls until there is an answer that is not 'later'."""
        ends = time.monotonic() + PATIENCE_S
        why = ""
        while time.monotonic() < ends:
            began = time.monotonic()
            try:
                reply = who.call("POST", path, body, **({"Idempotency-Key": key} if key else {}))
            except (OSError, http.client.HTTPException) as error:
                why = type(error).__name__
            else:
                if reply.status < 500 and reply.status != 429 and not _still_busy(reply):
                    return reply
                why = f"{reply.status} {reply.body}"
                if reply.status == 500:
                    self.trouble.append(f"{path} answered 500")
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            time.sleep(0.3)
        raise GaveUp(f"{path} was not accepted within {PATIENCE_S:g} s: {why}")

    # -- people
    def answer_questions(self) -> int:
        """A person who knows the truth (the target's ledger) answers what tasks ask. Returns how many asked."""
        try:
            found = self.reviewer.get("tasks/", status="waiting_input", limit=100)
        except (OSError, http.client.HTTPException, AssertionError):
            return 1
        asking = found["results"] if isinstance(found, dict) else found
        by_id = {made.id: made for made in self.made}
        for task in asking:
            made = by_id.get(task["id"])
            if made is not None:
                happened = self.ledger.names[made.path] > 0
                try:
                    self.act(self.reviewer, made, "input", {"answer": "happened" if happened else "run_again"})
                except GaveUp as gave_up:
                    self.trouble.append(str(gave_up))
        return len(asking)

    def answer_until(self, stop: threading.Event) -> threading.Thread:
        """A started thread that answers until `stop`."""

        def loop() -> None:
            while not stop.wait(2.0):
                self.answer_questions()

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        return thread


def _still_busy(reply: Reply) -> bool:
    """The same request, sent before, is still under way."""
    return reply.status == 409 and "Idempotency-Key" in str(reply.body)


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


KINDS = [
    Kind("read", 22, "completed", lambda load, n: load.call("/ok"), 0),
    Kind("slow read", 14, "completed", lambda load, n: load.call(f"/slow/{200 + n * 37 % 1500}"), 0),
    Kind("put", 12, "completed", lambda load, n: load.call(f"/put/{n}", "PUT", apiPayload={"n": n}), 0),
    Kind("once", 16, "completed", lambda load, n: load.call(f"/once/{n}", "POST", apiPayload={"n": n})),
    Kind("flaky", 5, "completed", lambda load, n: load.call(f"/flaky/{n}/2")),
    Kind("busy", 3, "completed", lambda load, n: load.call(f"/busy/{n}"), 0),
    Kind("fail", 3, "failed", lambda load, n: load.call("/fail") | {"maxRetries": 2}, 3),
    Kind("gone", 3, "failed", lambda load, n: load.call("/gone"), 1),
    Kind("hang", 2, "failed", lambda load, n: load.call("/hang", timeout=1000) | {"maxRetries": 1}, 2),
    Kind("cut", 2, "completed", lambda load, n: load.call(f"/cut/{n}", "POST")),
    Kind(
        "review",
        8,
        "completed|cancelled",
        lambda load, n: load.call(f"/put/{n}", "PUT") | {"requiresHumanReview": True},
    ),
    Kind("cancel", 4, "cancelled|completed", lambda load, n: load.call(f"/slow/{n * 53 % 3000}")),
    Kind("later", 3, "completed", lambda load, n: load.call("/ok") | {"scheduledFor": _in(3)}, 0),
    Kind("defer", 2, "completed", lambda load, n: load.call("/ok") | {"scheduledFor": _in(30)}, 0),
    Kind("chain", 3, "completed", lambda load, n: load.call(f"/slow/{n * 31 % 400}"), 0),
    Kind("chain that breaks", 2, "failed", lambda load, n: load.call("/gone")),
    Kind("overtime", 0.7, "failed", lambda load, n: _plugin("drill_hang")),
    Kind("poison", 0.4, "failed", lambda load, n: _plugin("drill_poison")),
]


def _plugin(kind: str) -> dict[str, Any]:
    return {"taskType": kind, "executionConfig": {}, "maxRetries": 0}
