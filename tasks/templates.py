"""Tasks made from templates: typed parameters put into marked places, never JSON built from strings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import jsonschema
from django.db import transaction
from jsonschema.exceptions import SchemaError

from agency import credentials
from tasks import services
from tasks.actors import Actor
from tasks.drafts import Source, check_permission, executor_for, typed_config
from tasks.errors import Conflict, Invalid
from tasks.inputs import check_json, parse_task
from tasks.models import AgencyTask, TaskTemplate
from tasks.validation import FieldError, pointer_of

#: {{name}}: alone in a string it becomes the parameter itself, inside a longer string its text.
_SLOT = re.compile(r"\{\{\s*([A-Za-z][A-Za-z0-9_]{0,63})\s*\}\}")


def check(task: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Checks a template when it is written: a JSON Schema that holds, and slots that it names. Raises Invalid."""
    schema = _schema(parameters)
    known = set(schema["properties"])
    missing = sorted(_slots(task) - known)
    if missing:
        message = f"task uses {{{{{missing[0]}}}}}, which parameters does not define"
        raise Invalid([FieldError("#/task", "unknown_parameter", message)])
    try:
        check_json(task)
    except ValueError as error:
        raise Invalid([FieldError("#/task", "invalid", f"task {error}")]) from None


def save(template: TaskTemplate, actor: Actor) -> TaskTemplate:
    """Checks and writes a template. Inline secrets of its executionConfig become credentials. Raises Invalid."""
    check(template.task, template.parameters)
    _check_writer(template.task, actor)
    before = TaskTemplate.objects.filter(pk=template.pk).values_list("task", flat=True).first() or {}
    with transaction.atomic():
        template.task = _without_secrets(template.task, before.get("executionConfig"), actor)
        template.version += 1 if template.pk else 0
        template.last_edited_by_id = actor.user_id or template.last_edited_by_id
        template.save()
    return template


def check_all(template: TaskTemplate, actor: Actor) -> None:
    """What `save` would refuse, without writing anything. Raises Invalid."""
    check(template.task, template.parameters)
    _check_writer(template.task, actor)
    before = TaskTemplate.objects.filter(pk=template.pk).values_list("task", flat=True).first() or {}
    with transaction.atomic():
        _without_secrets(template.task, before.get("executionConfig"), actor)
        transaction.set_rollback(True)


def _check_writer(task: dict[str, Any], actor: Actor) -> None:
    """Nobody writes down work for others that they may not have done themselves. Raises Invalid."""
    named = str(task.get("taskType", ""))
    if named and not _slots(named):
        check_permission(executor_for(named, "/task"), actor, "/task")


def _without_secrets(task: dict[str, Any], before: dict[str, Any] | None, actor: Actor) -> dict[str, Any]:
    raw = task.get("executionConfig")
    if not isinstance(raw, dict):
        return task
    try:
        stored, _ = credentials.absorb(raw, actor.person, _hosts(task), before=before)
    except credentials.CredentialError as error:
        message = f"{error}. A template whose address is filled in later needs a stored credential"
        raise Invalid(
            [FieldError(f"#/task/executionConfig/{error.field}".rstrip("/"), "credential", message)]
        ) from None
    return {**task, "executionConfig": stored}


def _hosts(task: dict[str, Any]) -> list[str]:
    """Where the secrets of a template may be sent: known only when its config is whole without parameters."""
    try:
        executor, config, _ = typed_config(str(task.get("taskType", "")), task["executionConfig"])
    except Invalid:
        return []
    return [host for host in executor.hosts(config) if "{{" not in host]


def rehearse(template: TaskTemplate, values: dict[str, Any], actor: Actor) -> None:
    """Goes all the way to a task without writing anything. Raises Invalid."""
    planned = parse_task(render(template, values), "/task")
    executor, _, _ = typed_config(planned.task_type, planned.execution_config, "/task")
    check_permission(executor, actor, "/task")


def render(template: TaskTemplate, values: dict[str, Any]) -> dict[str, Any]:
    """The task of a template with its slots filled. Raises Invalid for values the schema refuses."""
    schema = _schema(template.parameters)
    filled = {name: spec["default"] for name, spec in schema["properties"].items() if "default" in spec} | values
    errors = [
        FieldError(pointer_of(tuple(error.absolute_path), "/parameters"), str(error.validator), error.message)
        for error in jsonschema.Draft202012Validator(schema).iter_errors(filled)
    ]
    unfilled = sorted(_slots(template.task) - set(filled))
    errors += [FieldError(f"#/parameters/{name}", "missing", f"{name} is required") for name in unfilled]
    if errors:
        raise Invalid(errors)
    rendered: dict[str, Any] = _fill(template.task, filled)
    return rendered


def create_task(
    template: TaskTemplate,
    values: dict[str, Any],
    actor: Actor,
    *,
    schedule_id: int | None = None,
    dedupe_key: str | None = None,
    authors: Sequence[int | None] = (),
) -> AgencyTask:
    """Makes a task from a template. Raises Invalid, and Conflict when the template is not active.

    `authors` wrote the values; with those of the template they are kept from approving where four eyes are asked for.
    """
    if not template.active:
        raise Conflict(f"Template {template.name!r} is switched off")
    source = Source(
        type="scheduled" if schedule_id else "template",
        template_id=template.pk,
        schedule_id=schedule_id,
        dedupe_key=dedupe_key,
        granted=template.task.get("executionConfig"),
        authors=(template.created_by_id, template.last_edited_by_id, *authors),
    )
    return services.create(parse_task(render(template, values)), actor, source)


def _schema(parameters: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": {}, **parameters}
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Invalid(
            [FieldError("#/parameters", "schema", f"parameters is no JSON Schema: {error.message}")]
        ) from None
    if schema["type"] != "object" or "$ref" in str(schema):
        message = "parameters must be a JSON Schema of type object, without $ref"
        raise Invalid([FieldError("#/parameters", "schema", message)])
    return schema


def _slots(value: Any) -> set[str]:
    if isinstance(value, str):
        return set(_SLOT.findall(value))
    if isinstance(value, dict):
        return set().union(*map(_slots, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(_slots, value)) if value else set()
    return set()


def _fill(value: Any, filled: dict[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _SLOT.fullmatch(value)
        return filled[whole[1]] if whole else _SLOT.sub(lambda slot: str(filled[slot[1]]), value)
    if isinstance(value, dict):
        return {key: _fill(item, filled) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, filled) for item in value]
    return value
