"""Reports as files."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import zipfile
from xml.etree import ElementTree

import pytest

from reports import exports
from reports.document import Column, Metric, Report, Table, Unit
from reports.period import between
from reports.tests.history import START

EVIL = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", '=HYPERLINK("http://x")']


def a_report(rows: int = 0) -> Report:
    columns = [Column("name", "Name", Unit.TEXT), Column("day", "Day", Unit.DAY), Column("ms", "Time", Unit.MS)]
    lines = [(text, START.date(), 1234) for text in EVIL] + [("fine", START.date(), None)] * (1 + rows)
    return Report(
        "task_summary",
        "Task summary",
        between(START, START + dt.timedelta(days=2)),
        START,
        [Metric("created", "Created", 12, 10), Metric("rate", "Rate", 0.5, None, Unit.SHARE)],
        [Table("list", "A [table] with a name: far longer than Excel allows", columns, lines)] * 2,
        ["A note"],
    )


def rows_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def test_no_cell_of_a_csv_starts_a_formula() -> None:
    rows = rows_of(exports.as_csv(a_report()))
    cells = [cell for row in rows for cell in row]
    for text in EVIL:
        assert f"'{text}" in cells
    assert not [cell for cell in cells if cell.startswith(exports.FORMULA_STARTS)]


def test_a_csv_holds_figures_tables_and_notes() -> None:
    rows = rows_of(exports.as_csv(a_report()))
    assert ["Created", "count", "12", "10", "0.2"] in rows
    assert ["fine", "2026-03-01", ""] in rows
    assert ["Name", "Day", "Time (ms)"] in rows
    assert ["A note"] in rows


def sheets(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return {name: book.read(name).decode() for name in book.namelist() if name.endswith(".xml")}


def test_an_xlsx_holds_no_formula_and_no_link() -> None:
    parts = sheets(exports.as_xlsx(a_report()))
    for name, text in parts.items():
        if "worksheets" in name:
            tree = ElementTree.fromstring(text)
            assert not [e for e in tree.iter() if e.tag.endswith(("}f", "}hyperlink"))], name
    assert "HYPERLINK" in "".join(parts.values())


def test_sheet_names_are_short_legal_and_unique() -> None:
    book = sheets(exports.as_xlsx(a_report()))["xl/workbook.xml"]
    names = [e.attrib["name"] for e in ElementTree.fromstring(book).iter() if e.tag.endswith("}sheet")]
    assert len(names) == len({name.lower() for name in names}) == 3
    assert all(len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)


def test_numbers_and_days_are_numbers_in_an_xlsx() -> None:
    sheet = sheets(exports.as_xlsx(a_report()))["xl/worksheets/sheet2.xml"]
    cells = {e.attrib["r"]: e for e in ElementTree.fromstring(sheet).iter() if e.tag.endswith("}c")}
    assert cells["C2"].attrib.get("t") is None
    assert cells["C2"][0].text == "1234"
    assert cells["A2"].attrib["t"] == "inlineStr"


def test_a_json_is_the_wire_form() -> None:
    body = json.loads(exports.as_json(a_report()))
    assert body["summary"] == {"created": 12, "rate": 0.5}
    assert body["change"] == {"created": 0.2, "rate": None}
    assert body["list"][-1] == {"name": "fine", "day": "2026-03-01", "ms": None}


@pytest.mark.parametrize("kind", list(exports.FORMATS))
def test_a_file_is_named_by_its_report_and_days(kind: str) -> None:
    assert exports.export(a_report(), kind).name == f"task_summary_2026-03-01_2026-03-02.{kind}"
