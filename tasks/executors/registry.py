"""The one door by which executors come in: the built-in seven and third-party plugins alike."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from tasks.executors.base import Executor

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "agency.executors"
_executors: dict[str, Executor[Any]] = {}
#: type → why it could not be loaded; shown by `doctor` and by task-types/.
broken: dict[str, str] = {}


class UnknownTaskType(LookupError):
    """No executor is registered for the task type."""


def register(executor: type[Executor[Any]]) -> type[Executor[Any]]:
    """Adds an executor class. Raises TypeError for what is no executor and ValueError when the type is taken."""
    if not (isinstance(executor, type) and issubclass(executor, Executor)):
        raise TypeError(f"{executor!r} is not a subclass of tasks.executors.base.Executor")
    taken = _executors.get(executor.type)
    if taken is not None and type(taken) is not executor:
        raise ValueError(f"task type {executor.type!r} is already performed by {type(taken).__qualname__}")
    _executors[executor.type] = executor()
    return executor


def get(task_type: str) -> Executor[Any]:
    """The executor of a task type. Raises UnknownTaskType."""
    try:
        return _executors[task_type]
    except KeyError:
        raise UnknownTaskType(task_type) from None


def known() -> dict[str, Executor[Any]]:
    """All registered executors by task type, in order of their names."""
    return dict(sorted(_executors.items()))


def load_plugins() -> None:
    """Registers every executor of the entry-point group. A plugin that fails leaves its type out and is named in `broken`."""
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            register(point.load())
        except Exception as error:
            broken[point.name] = f"{type(error).__name__}: {error}"
            logger.exception("executor plugin %s could not be loaded", point.name)


@contextmanager
def registered(executor: type[Executor[Any]]) -> Iterator[None]:
    """Adds an executor for the length of a `with` block: for the tests of a plugin."""
    before = dict(_executors)
    _executors[executor.type] = executor()
    try:
        yield
    finally:
        _executors.clear()
        _executors.update(before)
