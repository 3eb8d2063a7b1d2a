"""A report as a file: CSV, XLSX or JSON. No cell can become a formula in the program that opens it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import xlsxwriter

from reports.document import Report, Table, Unit, rounded

#: OWASP "CSV Injection": what a spreadsheet may take for the start of a formula, full-width forms included.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Excel's own limits for a sheet.
SHEET_NAME_MAX = 31
_FORBIDDEN_IN_SHEET_NAME = str.maketrans(dict.fromkeys("[]:*?/\\", " "))


@dataclass(frozen=True)
class Export:
    """A file: its name, media type and bytes."""

    name: str
    content_type: str
    data: bytes


def safe(value: Any) -> Any:
    """A cell that no spreadsheet runs: text that looks like a formula gets a leading apostrophe."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def as_csv(report: Report) -> bytes:
    """All tables below each other, UTF-8 with a mark that Excel needs; shares as fractions, durations in ms."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in _lines(report):
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode("utf-8-sig")


def _lines(report: Report) -> Iterator[list[Any]]:
    yield [report.title, str(report.period), report.period.zone.key]
    yield from ([text] for text in report.filters)
    yield []
    yield ["Figure", "Unit", "This period", "Period before", "Change"]
    for metric in report.metrics:
        yield [metric.label, metric.unit.value, metric.value, metric.before, rounded(metric.change)]
    for table in report.tables:
        yield []
        yield [table.title]
        yield [_heading(column.label, column.unit) for column in table.columns]
        yield from (list(row) for row in table.rows)
    yield []
    yield from ([note] for note in report.notes)


def _cell(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    return "" if value is None else safe(value)


def _heading(label: str, unit: Unit) -> str:
    return f"{label} (ms)" if unit is Unit.MS else label


def as_xlsx(report: Report) -> bytes:
    """One sheet for the figures, one for each table. Rows are written as they come: memory does not grow with them."""
    out = io.BytesIO()
    options = {
        "constant_memory": True,
        "in_memory": False,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"title": report.title, "created": report.generated_at.replace(tzinfo=None)})
        formats = _Formats(book)
        _figures_sheet(book, formats, report)
        taken = {"figures"}
        for table in report.tables:
            _table_sheet(book, formats, table, _sheet_name(table.title, taken))
    return out.getvalue()


class _Formats:
    """The cell formats of a workbook, by unit."""

    def __init__(self, book: Any) -> None:
        self.bold = book.add_format({"bold": True, "bottom": 1})
        self.by_unit = {
            Unit.COUNT: book.add_format({"num_format": "#,##0"}),
            Unit.SHARE: book.add_format({"num_format": "0.0%"}),
            Unit.MS: book.add_format({"num_format": "#,##0"}),
            Unit.TEXT: book.add_format({"num_format": "@"}),
            Unit.DAY: book.add_format({"num_format": "yyyy-mm-dd"}),
        }


def _figures_sheet(book: Any, formats: _Formats, report: Report) -> None:
    sheet = book.add_worksheet("Figures")
    sheet.set_column(0, 0, 32)
    sheet.set_column(1, 4, 16)
    sheet.write_string(0, 0, f"{report.title}: {report.period}", formats.bold)
    for column, text in enumerate(("Figure", "This period", "Period before", "Change", "Unit")):
        sheet.write_string(2, column, text, formats.bold)
    for row, metric in enumerate(report.metrics, start=3):
        sheet.write_string(row, 0, metric.label)
        _write(sheet, formats, row, 1, metric.value, metric.unit)
        _write(sheet, formats, row, 2, metric.before, metric.unit)
        _write(sheet, formats, row, 3, metric.change, Unit.SHARE)
        sheet.write_string(row, 4, metric.unit.value)
    for row, note in enumerate([*report.filters, *report.notes], start=4 + len(report.metrics)):
        sheet.write_string(row, 0, note)


def _table_sheet(book: Any, formats: _Formats, table: Table, name: str) -> None:
    sheet = book.add_worksheet(name)
    sheet.set_column(0, len(table.columns) - 1, 18)
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(table.columns):
        sheet.write_string(0, place, _heading(column.label, column.unit), formats.bold)
    for row, values in enumerate(table.rows, start=1):
        for place, (column, value) in enumerate(zip(table.columns, values, strict=True)):
            _write(sheet, formats, row, place, value, column.unit)


def _write(sheet: Any, formats: _Formats, row: int, column: int, value: Any, unit: Unit) -> None:
    """Numbers and days as such; everything else as a string, never as a formula."""
    if value is None:
        sheet.write_blank(row, column, None)
    elif isinstance(value, dt.date):
        sheet.write_datetime(row, column, dt.datetime.combine(value, dt.time()), formats.by_unit[Unit.DAY])
    elif isinstance(value, int | float):
        sheet.write_number(row, column, value, formats.by_unit[unit])
    else:
        sheet.write_string(row, column, str(value), formats.by_unit[Unit.TEXT])


def _sheet_name(title: str, taken: set[str]) -> str:
    """Unique within the book, at most 31 characters, without the characters Excel refuses."""
    name = title.translate(_FORBIDDEN_IN_SHEET_NAME)[:SHEET_NAME_MAX].strip("' ") or "Sheet"
    number = 2
    while name.lower() in taken:
        name = f"{name[: SHEET_NAME_MAX - 3]} {number}"
        number += 1
    taken.add(name.lower())
    return name


def as_json(report: Report) -> bytes:
    """The wire form, indented."""
    return json.dumps(report.as_json(), indent=2, ensure_ascii=False).encode()


#: format → (media type, writer)
FORMATS: dict[str, tuple[str, Callable[[Report], bytes]]] = {
    "json": ("application/json", as_json),
    "csv": ("text/csv; charset=utf-8", as_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_xlsx),
}


def export(report: Report, kind: str) -> Export:
    """The report as a file. Raises KeyError for a format that does not exist."""
    content_type, write = FORMATS[kind]
    first = report.period.start.astimezone(report.period.zone).date()
    name = f"{report.type}_{first:%Y-%m-%d}_{report.period.days()[-1]:%Y-%m-%d}.{kind}"
    return Export(name, content_type, write(report))
