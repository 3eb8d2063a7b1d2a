"""Change lists that stay fast over millions of rows, show only facts, and export CSV that no spreadsheet executes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connection, models
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.functional import cached_property

#: A filtered list is counted up to here; beyond, the exact number helps nobody and costs a scan.
COUNT_LIMIT = 10_000
EXPORT_LIMIT = 100_000
#: Cells that begin so are formulas to a spreadsheet (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class EstimatedPaginator(Paginator):
    """Counts an unfiltered table by PostgreSQL's own estimate and a filtered one up to COUNT_LIMIT rows."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        query = rows.query
        if not query.where and not query.distinct:
            estimate = _estimated_rows(query.model._meta.db_table)
            if estimate > COUNT_LIMIT:
                return estimate
        return len(rows.order_by().values_list("pk", flat=True)[:COUNT_LIMIT])


def _estimated_rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)", [table])
        row = cursor.fetchone()
    return max(0, int(row[0])) if row else 0


def safe_cell(value: Any) -> str:
    """The text of one CSV cell; what a spreadsheet would take for a formula gets an apostrophe in front."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


class _Echo:
    def write(self, value: str) -> str:
        return value


def csv_response(filename: str, header: list[str], rows: Iterator[list[Any]]) -> StreamingHttpResponse:
    """A streamed CSV download (UTF-8 with a mark, so that spreadsheets read it as such)."""
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield "\ufeff" + writer.writerow(header)
        for row in rows:
            yield writer.writerow([safe_cell(value) for value in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def words_filter(field: str, words: Sequence[str], title: str = "") -> type[admin.SimpleListFilter]:
    """A filter on a column whose words are known: Django's own would look for all distinct values in the table."""

    class Words(admin.SimpleListFilter):
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(word, word.replace("_", " ")) for word in words]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{field: self.value()}) if self.value() in words else queryset

    Words.title = title or field.replace("_", " ")
    return Words


class FastAdmin(admin.ModelAdmin):
    """A list without count(*): estimated pages, 50 rows, no full result count, CSV of what is selected."""

    paginator = EstimatedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    #: Counting every filter's rows would scan the table once for each.
    show_facets = admin.ShowFacets.NEVER
    actions: Sequence[Any] = ("export_csv",)
    #: One labelled field instead of Django's two without labels of their own.
    formfield_overrides: ClassVar = {
        models.DateTimeField: {
            "form_class": forms.DateTimeField,
            "widget": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        }
    }
    csv_fields: tuple[str, ...] = ()

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
        """The selected rows, at most EXPORT_LIMIT of them."""
        fields = self.csv_fields or tuple(field.attname for field in self.model._meta.concrete_fields)
        rows = queryset.order_by("-pk").values_list(*fields)[:EXPORT_LIMIT]
        name = f"{self.model._meta.model_name}.csv"
        return csv_response(name, list(fields), (list(row) for row in rows.iterator(chunk_size=2000)))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Rows are ended, revoked or pruned, not deleted from a list."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class ReadOnlyAdmin(FastAdmin):
    """Rows that the system writes: people look and export, nobody changes, adds or deletes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Related rows as facts; at most `newest` of them, the newest first."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True
    newest = 20

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        newest = self.newest

        def rows(instance: Any) -> Any:
            if instance.instance.pk is None:
                return instance.queryset.none()
            return instance.queryset.filter(**{instance.fk.name: instance.instance}).order_by("-pk")[:newest]

        formset.get_queryset = rows  # type: ignore[method-assign,assignment]
        return formset
