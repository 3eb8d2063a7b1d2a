"""Many tasks in one transaction, and graphs of tasks that name one another by aliases."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from tasks import access, drafts, services
from tasks.actors import Actor
from tasks.dependencies import add_dependencies
from tasks.drafts import Source
from tasks.errors import Invalid
from tasks.inputs import TaskInput, parse_task
from tasks.models import AgencyTask
from tasks.review import policy
from tasks.states import Review
from tasks.validation import FieldError


@dataclass
class Made:
    """What came of each item: a row, or the errors that kept it from being made."""

    rows: dict[int, AgencyTask] = field(default_factory=dict)
    errors: dict[int, list[FieldError]] = field(default_factory=dict)


def create(raw: Sequence[Any], actor: Actor, source: Source, *, keep_going: bool = False, root: str = "/tasks") -> Made:
    """Makes many tasks with set-based SQL: all of them or, when `keep_going`, those that are right.

    When one is wrong and `keep_going` is not set nothing is made, and every item's errors are told. The errors' pointers
    begin with `root` and the item's index.
    """
    made = Made()
    inputs = _parsed(raw, root, made)
    if made.errors and not keep_going:
        _look_at_the_rest(inputs, actor, source, root, made)
        return made
    try:
        rows = _make(inputs, actor, source, root)
    except Invalid:
        # Rare: one by one, to tell what is wrong with each, which costs a savepoint per item.
        _look_at_the_rest(inputs, actor, source, root, made)
        good = {index: item for index, item in inputs.items() if index not in made.errors}
        if not keep_going or not good:
            return made
        inputs = good
        rows = _make(inputs, actor, source, root)
    made.rows = dict(zip(inputs, rows, strict=True))
    return made


def _make(inputs: dict[int, TaskInput], actor: Actor, source: Source, root: str) -> list[AgencyTask]:
    roots = [f"{root}/{index}" for index in inputs]
    access.check_inputs(actor.person, list(inputs.values()), roots)
    return services.create_many(list(inputs.values()), actor, source, roots=roots)


def _parsed(raw: Sequence[Any], root: str, made: Made) -> dict[int, TaskInput]:
    inputs = {}
    for index, item in enumerate(raw):
        try:
            inputs[index] = parse_task(item, f"{root}/{index}")
        except Invalid as error:
            made.errors[index] = error.errors
    return inputs


def _look_at_the_rest(inputs: dict[int, TaskInput], actor: Actor, source: Source, root: str, made: Made) -> None:
    for index, item in inputs.items():
        try:
            with transaction.atomic():
                access.check_input(actor.person, item, f"{root}/{index}")
                drafts.build(item, actor, source, root=f"{root}/{index}")
                transaction.set_rollback(True)
        except Invalid as error:
            made.errors[index] = error.errors


# --- graphs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    """One task of a graph: its alias, and what it waits for: aliases of this graph or ids of tasks that exist."""

    alias: str
    task: TaskInput
    after: list[str | int]


def create_workflow(nodes: Sequence[Node], actor: Actor, source: Source) -> tuple[uuid.UUID, dict[str, AgencyTask]]:
    """Makes a graph of tasks in one transaction. Raises Invalid for unknown or doubled aliases and for circles."""
    order = _in_order(nodes)
    workflow = uuid.uuid4()
    source = replace(source, workflow_uuid=workflow)
    places = {node.alias: index for index, node in enumerate(nodes)}
    with transaction.atomic():
        rules = policy.active()
        for node in order:
            ids = [step for step in node.after if isinstance(step, int)]
            access.check_upstream(actor.person, ids, f"/tasks/{places[node.alias]}")
            access.check_channel(actor.person, node.task.source_webhook_id)
        rows = {
            node.alias: drafts.build(node.task, actor, source, root=f"/tasks/{places[node.alias]}", rules=rules)
            for node in order
        }
        services.insert(list(rows.values()), actor)
        add_dependencies([(rows[node.alias], _upstream(node, rows)) for node in order])
        services.start([row for row in rows.values() if row.review == Review.NONE], actor)
    return workflow, {node.alias: rows[node.alias] for node in nodes}


def _upstream(node: Node, rows: dict[str, AgencyTask]) -> list[int]:
    return [rows[step].pk if isinstance(step, str) else step for step in node.after]


def _in_order(nodes: Sequence[Node]) -> list[Node]:
    """The nodes so that each comes after those it waits for (Kahn). Raises Invalid."""
    known = {node.alias: node for node in nodes}
    errors = _wrong_names(nodes, known)
    if errors:
        raise Invalid(errors)
    waits = {node.alias: {step for step in node.after if isinstance(step, str)} for node in nodes}
    order: list[Node] = []
    while waits:
        free = [alias for alias, steps in waits.items() if not steps]
        if not free:
            circle = ", ".join(list(waits)[:10])
            message = f"dependsOn makes a circle among {circle}: none of them could ever start"
            index = next(i for i, node in enumerate(nodes) if node.alias in waits)
            raise Invalid([FieldError(f"#/tasks/{index}/dependsOn", "cycle", message)])
        order += [known[alias] for alias in free]
        done = set(free)
        waits = {alias: steps - done for alias, steps in waits.items() if alias not in done}
    return order


def _wrong_names(nodes: Sequence[Node], known: dict[str, Node]) -> list[FieldError]:
    errors = []
    seen: set[str] = set()
    for index, node in enumerate(nodes):
        if node.alias in seen:
            message = f"alias {node.alias!r} names two tasks"
            errors.append(FieldError(f"#/tasks/{index}/alias", "duplicate", message))
        seen.add(node.alias)
        for place, step in enumerate(node.after):
            if isinstance(step, str) and step not in known:
                message = f"dependsOn names {step!r}, which is no alias of this workflow"
                errors.append(FieldError(f"#/tasks/{index}/dependsOn/{place}", "unknown_alias", message))
    return errors
