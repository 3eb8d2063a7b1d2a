"""What data_extraction leaves: clean records with source and time, a CSV file, and what changed since the last run."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from agency import db
from tasks.artifacts import StorageFull
from tasks.executors.base import Context
from tasks.models import TaskExecution

#: More rows than this are not compared one by one.
MOST_COMPARED = 5_000
MOST_SHOWN = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝")
_NAMES = ("id", "sku", "url", "link", "name", "title")


def extraction_output(
    ctx: Context, extractions: list[dict[str, Any]], output: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """The output with `data`, `sourceUrl`, `extractedAt`, `csv` and `diff`, and one sentence about it."""
    rows = [row for one in extractions for row in rows_of(one["data"])]
    first = extractions[0]
    output |= {"data": first["data"] if len(extractions) == 1 else [one["data"] for one in extractions]}
    output |= {"count": len(rows), "sourceUrl": first["sourceUrl"], "extractedAt": first["extractedAt"]}
    if rows:
        try:
            output["csv"] = ctx.save_artifact("data.csv", "text/csv; charset=utf-8", as_csv(rows))
        except StorageFull as error:
            output.setdefault("warnings", []).append(f"no CSV file: {error}")
    before = _rows_before(ctx)
    if before is not None:
        output["diff"] = diff(before, rows)
    return output, _summary(len(rows), first["sourceUrl"], output.get("diff"))


def rows_of(data: Any) -> list[dict[str, Any]]:
    """Data of any shape as records."""
    if isinstance(data, list):
        return [row if isinstance(row, dict) else {"value": row} for row in data]
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        return list(lists[0]) if len(lists) == 1 and len(data) <= 2 else [data]
    return [] if data in (None, "") else [{"text": data}]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """RFC 4180 with a byte-order mark for spreadsheets; cells that would be formulas begin with an apostrophe."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([_cell(name) for name in names])
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return "\ufeff".encode() + file.getvalue().encode()


def diff(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> dict[str, Any]:
    """What was added, removed and changed; records are the same when their identifying field is, or all of them."""
    if max(len(before), len(now)) > MOST_COMPARED:
        return {"compared": False, "before": len(before), "now": len(now)}
    name = _identity(before, now)
    old, new = _keyed(before, name), _keyed(now, name)
    changed = [
        {"key": key, "before": _only(old[key], new[key]), "now": _only(new[key], old[key])}
        for key in new
        if key in old and old[key] != new[key]
    ]
    added = [row for key, row in new.items() if key not in old]
    removed = [row for key, row in old.items() if key not in new]
    return {
        "compared": True, "by": name or "whole record", "added": added[:MOST_SHOWN], "removed": removed[:MOST_SHOWN],
        "changed": changed[:MOST_SHOWN],
        "counts": {"added": len(added), "removed": len(removed), "changed": len(changed)},
    }  # fmt: skip


def _rows_before(ctx: Context) -> list[dict[str, Any]] | None:
    """The records of the last successful run of this task, or of the same template's tasks of the same person."""
    done = TaskExecution.objects.filter(status="success").exclude(pk=ctx.task.execution_id)
    same = (
        done.filter(task__template_id=ctx.task.template_id, task__created_by_id=ctx.task.created_by_id)
        if ctx.task.template_id
        else done.filter(task_id=ctx.task.id)
    )
    output = same.order_by("-completed_at").values_list("output", flat=True).first()
    db.release()
    return rows_of(output.get("data")) if isinstance(output, dict) and "data" in output else None


def _identity(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> str:
    """The first usual name whose values tell all records of both runs apart."""
    for name in _NAMES:
        if all(
            rows
            and all(row.get(name) not in (None, "") for row in rows)
            and len({str(row[name]) for row in rows}) == len(rows)
            for rows in (before, now)
        ):
            return name
    return ""


def _keyed(rows: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    return {str(row[name]) if name else json.dumps(row, sort_keys=True, default=str): row for row in rows}


def _only(row: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if other.get(key) != value}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
    risky = isinstance(value, str) and text.lstrip().startswith(_FORMULA)
    return f"'{text}" if risky else text


def _summary(count: int, source: str, changes: dict[str, Any] | None) -> str:
    told = f"{count} record{'s' if count != 1 else ''} from {source}"
    counts = (changes or {}).get("counts")
    if counts:
        told += (
            f"; since the last run {counts['added']} added, {counts['removed']} removed, {counts['changed']} changed"
        )
    return told
