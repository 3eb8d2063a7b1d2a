"""Pictures of tables."""

from __future__ import annotations

import datetime as dt
from xml.etree import ElementTree

import pytest

from reports import charts
from reports.document import Chart, Column, Shape, Table, Unit

DAY = dt.date(2026, 3, 1)


def a_table(shape: Shape, rows: list[tuple]) -> Table:
    unit = Unit.TEXT if shape is Shape.BARS else Unit.DAY
    values = Unit.MS if shape is Shape.LINES else Unit.COUNT
    columns = [Column("x", "X", unit), Column("good", "Good", values), Column("bad", "Bad", values)]
    return Table("t", "A picture", columns, rows, Chart(shape, "x", ("good", "bad")))


def drawn(shape: Shape, rows: list[tuple]) -> ElementTree.Element:
    picture = charts.draw(a_table(shape, rows))
    assert picture is not None
    return ElementTree.fromstring(picture.svg)


def all_of(root: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    return [e for e in root.iter() if e.tag.endswith("}" + tag)]


@pytest.mark.parametrize("shape", [Shape.STACKED_DAYS, Shape.LINES, Shape.BARS])
def test_every_picture_has_a_title_a_description_and_no_style_or_script(shape: Shape) -> None:
    name = "x" if shape is Shape.BARS else DAY
    root = drawn(shape, [(name, 10, 2), (name, None, None), (name, 3, 0)])
    assert all_of(root, "title")[0].text == "A picture"
    assert "Good: most on or at" in all_of(root, "desc")[0].text
    labelled = root.attrib["aria-labelledby"].split()
    assert labelled == [all_of(root, "title")[0].attrib["id"], all_of(root, "desc")[0].attrib["id"]]
    assert not [e for e in root.iter() if "style" in e.attrib or e.tag.endswith(("script", "style"))]


def test_bars_of_a_day_stand_on_each_other_and_keep_their_proportions() -> None:
    root = drawn(Shape.STACKED_DAYS, [(DAY, 30, 10), (DAY + dt.timedelta(days=1), 0, 20)])
    bars = [(e.attrib["class"], float(e.attrib["y"]), float(e.attrib["height"])) for e in all_of(root, "rect")]
    assert [css for css, _, _ in bars] == ["series-good", "series-bad", "series-bad"]
    assert bars[0][2] == pytest.approx(3 * bars[1][2], abs=0.2)
    assert bars[1][1] + bars[1][2] == pytest.approx(bars[0][1], abs=0.2)


def test_a_line_leaves_out_days_without_a_value() -> None:
    days = [DAY + dt.timedelta(days=n) for n in range(3)]
    root = drawn(Shape.LINES, [(days[0], 10, None), (days[1], None, None), (days[2], 30, 5)])
    assert len(all_of(root, "circle")) == 3
    assert len(all_of(root, "polyline")[0].attrib["points"].split()) == 2


def test_names_cannot_become_markup() -> None:
    evil = "<script>alert(1)</script>"
    picture = charts.draw(a_table(Shape.BARS, [(evil, 1, 1)]))
    assert picture is not None
    assert "<script" not in picture.svg
    assert "&lt;script&gt;" in picture.svg


def test_there_is_no_picture_of_nothing() -> None:
    assert charts.draw(a_table(Shape.BARS, [])) is None
    assert charts.draw(a_table(Shape.BARS, [("x", 0, 0)])) is None


@pytest.mark.parametrize(
    ("value", "top"), [(0, 4), (3, 4), (7, 8), (61, 80), (100, 100), (1001, 2000), (960_000, 1_000_000)]
)
def test_axes_end_at_round_numbers(value: float, top: float) -> None:
    assert charts.nice(value) == top


@pytest.mark.parametrize(("ms", "top"), [(3, 4), (950, 2000), (70_000, 120_000), (10**12, 10**12)])
def test_axes_of_time_end_at_round_times(ms: float, top: float) -> None:
    assert charts.nice_ms(ms) == top
