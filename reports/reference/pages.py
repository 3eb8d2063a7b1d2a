"""The pages of docs/reference/, written from the code itself so that they cannot say something else."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from django.core.management import get_commands, load_command_class

from reports.metrics.collector import Product
from tasks import invariants
from tasks.executors import registry
from tasks.executors.browser.step_config import KINDS, Step
from tasks.states import TERMINAL, TRANSITIONS, Attempt

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
APPS = ("agency", "tasks", "webhooks", "reports")
GENERATED = "<!-- Written by `manage.py reference`; edit the code instead. -->\n\n"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join(lines + [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


# --- settings: from .env.example ----------------------------------------------------------------------------------

_SECTION = re.compile(r"^# --- (.+?) -+$")
_VARIABLE = re.compile(r"^#?([A-Z][A-Z0-9_]+)=(.*)$")


def settings() -> str:
    """Every variable with its default and what it means."""
    text = "# Settings\n\nEnvironment variables, or lines of `.env`. NAME_FILE names a file that holds the value of NAME.\n"
    for section, rows in _sections():
        text += f"\n## {section}\n\n" + _table(["variable", "default", "meaning"], rows)
    return text


def _sections() -> Iterator[tuple[str, list[list[str]]]]:
    section, comment, rows = "", [], []  # type: ignore[var-annotated]
    for line in [*(ROOT / ".env.example").read_text().splitlines(), "# --- end ---"]:
        if found := _SECTION.match(line):
            if rows:
                yield section, rows
            section, comment, rows = found[1], [], []
        elif found := _VARIABLE.match(line):
            rows.append([f"`{found[1]}`", f"`{found[2]}`" if found[2] else "", " ".join(comment)])
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
        else:
            comment = []


# --- states -------------------------------------------------------------------------------------------------------


def states() -> str:
    """The states of a task, how they follow each other, and how attempts end."""
    lines = [f"    {source} --> {target}" for source in TRANSITIONS for target in sorted(TRANSITIONS[source])]
    rows = [
        [f"`{status}`", ", ".join(f"`{t}`" for t in sorted(TRANSITIONS[status])) or "nothing", _final(status)]
        for status in TRANSITIONS
    ]
    held = [[f"`{one.name}`", one.sentence] for one in invariants.known()]
    return (
        "# States\n\n```mermaid\nstateDiagram-v2\n    [*] --> pending\n"
        + "\n".join(lines)
        + "\n```\n\n"
        + _table(["status", "may become", ""], rows)
        + "\nThe database refuses every other change.\n\n## How an attempt ends\n\n"
        + ", ".join(f"`{attempt}`" for attempt in Attempt)
        + ".\n\n## What always holds\n\nSQL that returns no row; `manage.py doctor` asks it.\n\n"
        + _table(["invariant", "meaning"], held)
    )


def _final(status: Any) -> str:
    return "final" if status in TERMINAL else ""


# --- task types ---------------------------------------------------------------------------------------------------


def task_types() -> str:
    """Every task type with the keys of its executionConfig."""
    text = "# Task types\n\nThe keys of `executionConfig`. `GET /api/v1/task-types/` answers the same as JSON Schema.\n"
    for executor in registry.known().values():
        schema = executor.Config.model_json_schema()
        text += f"\n## {executor.type}\n\n{executor.label}. Queue `{executor.queue}`, "
        text += f"{executor.default_timeout_s:g} s unless the config says otherwise."
        text += f" Who has it done needs `{executor.permission}`.\n\n" if executor.permission else "\n\n"
        text += _keys(schema, schema.get("$defs", {}))
    return text + _browser_steps()


def _browser_steps() -> str:
    """The steps of browser_automation and data_extraction; what every step may say comes once."""
    shared = Step.model_json_schema()["properties"]
    about = {"properties": {name: spec for name, spec in shared.items() if name != "type"}}
    text = "\n## Steps of a browser\n\nOf `automationSteps` and `browserActions`. Every step may also say:\n\n" + _keys(
        about, {}
    )
    for kind, model in KINDS.items():
        schema = model.model_json_schema()
        own = {name: spec for name, spec in schema["properties"].items() if name not in shared}
        text += f"\n### {kind}\n\n{(model.__doc__ or '').splitlines()[0]}\n\n"
        if own:
            required = schema.get("required", [])
            text += _keys({"properties": own, "required": required}, schema.get("$defs", {}))
    return text


def _keys(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    variants = schema.get("oneOf") or schema.get("anyOf")
    if variants and not schema.get("properties"):
        parts = [_resolved(variant, defs) for variant in variants]
        return "\n".join(f"**{_name(part)}**\n\n{_keys(part, defs)}" for part in parts)
    required = set(schema.get("required", []))
    rows = [
        [f"`{name}`", _kind(spec, defs), _default(name, spec, required), spec.get("description", "")]
        for name, spec in schema.get("properties", {}).items()
    ]
    return _table(["key", "value", "default", ""], rows)


def _name(schema: dict[str, Any]) -> str:
    consts = [str(spec["const"]) for spec in schema.get("properties", {}).values() if "const" in spec]
    return consts[0] if consts else schema.get("title", "")


def _resolved(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**defs[name], **{k: v for k, v in schema.items() if k != "$ref"}} if name else schema


def _kind(spec: dict[str, Any], defs: dict[str, Any]) -> str:
    spec = _resolved(spec, defs)
    if "const" in spec:
        return f"`{spec['const']}`"
    if "enum" in spec:
        return ", ".join(f"`{value}`" for value in spec["enum"])
    options = spec.get("anyOf") or spec.get("oneOf")
    if options:
        kinds = [_kind(option, defs) for option in options if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if spec.get("type") == "array":
        return f"list of {_kind(spec.get('items', {}), defs)}"
    named = spec.get("format") or spec.get("type") or "any JSON"
    return (" or ".join(named) if isinstance(named, list) else str(named)) + _bounds(spec)


def _bounds(spec: dict[str, Any]) -> str:
    low = spec.get("minimum", spec.get("minLength", spec.get("exclusiveMinimum")))
    high = spec.get("maximum", spec.get("maxLength", spec.get("exclusiveMaximum")))
    unit = " characters" if "maxLength" in spec or "minLength" in spec else ""
    if low is not None and high is not None:
        return f" ({low} to {high}{unit})"
    return f" (at most {high}{unit})" if high is not None else f" (at least {low}{unit})" if low is not None else ""


def _default(name: str, spec: dict[str, Any], required: set[str]) -> str:
    if name in required:
        return "required"
    return f"`{json.dumps(spec['default'])}`" if spec.get("default") is not None else ""


# --- API, metrics, commands ---------------------------------------------------------------------------------------


def api() -> str:
    """Every call, from the OpenAPI document."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    rows: dict[str, list[list[str]]] = {}
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            if method in ("get", "post", "put", "patch", "delete"):
                scope = re.search(r"Scope: `(\w+)`", call.get("description", ""))
                row = [f"`{method.upper()} {path}`", call.get("summary", ""), f"`{scope[1]}`" if scope else ""]
                rows.setdefault(call.get("tags", ["other"])[0], []).append(row)
    text = "# REST API\n\nPaths, bodies and answers in full: `/api/docs/` of a running product, or "
    text += "[openapi.json](../openapi.json). How errors, pages, ETags and keys work: the description there.\n"
    for tag, lines in sorted(rows.items()):
        text += f"\n## {tag}\n\n" + _table(["call", "does", "scope"], lines)
    return text


def metrics() -> str:
    """Every metric, as the collector describes it. Reads the database."""
    rows = []
    for family in Product().collect():
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels = ", ".join(f"`{label}`" for label in getattr(family, "_labelnames", ()))
        rows.append([f"`{family.name}{suffix}`", family.type, labels, family.documentation])
    text = "# Metrics\n\n`/metrics` answers who has `METRICS_TOKEN` or comes from `METRICS_ALLOW`. "
    return text + "Counters are at most a minute behind.\n\n" + _table(["metric", "type", "labels", "meaning"], rows)


def commands() -> str:
    """What `make` and `manage.py` can do."""
    lines = [line[4:] for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("#   make")]
    text = "# Commands\n\n```text\n" + "\n".join(lines) + "\n```\n"
    ours = sorted(name for name, app in get_commands().items() if app in APPS)
    for name in ours:
        command = load_command_class(get_commands()[name], name)
        text += f"\n## manage.py {name}\n\n{command.help}\n\n"
        arguments = _arguments(command.create_parser("manage.py", name))
        if arguments:
            text += _table(["argument", "", "default"], arguments)
    return text


def _arguments(parser: Any) -> list[list[str]]:
    """The command's own arguments: those of every Django command are left out."""
    everywhere = {"-h", "--version", "-v", "--settings", "--pythonpath", "--traceback", "--no-color", "--force-color"}
    everywhere |= {"--skip-checks"}
    rows = []
    for action in parser._actions:
        if everywhere & set(action.option_strings):
            continue
        verbs = getattr(action, "choices", None)
        if isinstance(verbs, dict):
            helps = {choice.dest: choice.help for choice in getattr(action, "_choices_actions", [])}
            rows += [[f"`{verb}`", helps.get(verb, "") or "", ""] for verb in verbs]
            continue
        name = ", ".join(action.option_strings) or action.dest
        default = "" if action.default in (None, False, "") else f"`{action.default}`"
        rows.append([f"`{name}`", action.help or "", default])
    return rows


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "states.md": states,
    "task-types.md": task_types,
    "api.md": api,
    "metrics.md": metrics,
    "commands.md": commands,
}


def written() -> dict[Path, str]:
    """Every page with its text."""
    with redirect_stdout(io.StringIO()):
        return {FOLDER / name: GENERATED + page() for name, page in PAGES.items()}
