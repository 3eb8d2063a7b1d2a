"""The report pages of staff: choose, look, print, export, schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from reports import charts, words
from reports.build import KINDS, report
from reports.document import Metric, Report, Table, Unit
from reports.executor import PERMISSION
from reports.exports import FORMATS, export
from reports.forms import RHYTHMS, ReportForm, ScheduleForm, zone_now
from reports.recurring import Recurring, save
from tasks.actors import Actor
from tasks.errors import TaskError

MAY_SCHEDULE = ("tasks.add_tasktemplate", "tasks.add_taskschedule")
#: A table longer than this is folded on the screen; on paper it is whole.
FOLD_AFTER = 12


@dataclass(frozen=True)
class Tile:
    """A figure as the page shows it."""

    label: str
    value: str
    change: str
    tone: str
    before: str

    @classmethod
    def of(cls, metric: Metric) -> Tile:
        """In words."""
        value, before = (words.said(one, metric.unit) for one in (metric.value, metric.before))
        return cls(metric.label, value, words.change(metric), words.tone(metric), before)


@dataclass(frozen=True)
class Section:
    """A table as the page shows it, with its picture."""

    table: Table
    picture: charts.Picture | None
    folded: bool
    heads: list[tuple[str, bool]]
    rows: list[list[tuple[str, bool]]]

    @classmethod
    def of(cls, table: Table, *, whole: bool) -> Section:
        """In words; the second of each pair says whether it is a number."""
        shown = [(place, column) for place, column in enumerate(table.columns) if column.unit is not Unit.CODE]
        heads = [(column.label, column.unit not in (Unit.TEXT, Unit.DAY)) for _, column in shown]
        rows = [
            [(words.said(row[place], column.unit), head[1]) for (place, column), head in zip(shown, heads, strict=True)]
            for row in table.rows
        ]
        return cls(table, charts.draw(table), not whole and len(rows) > FOLD_AFTER, heads, rows)


def _allowed(request: HttpRequest) -> None:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied


def _asked(query: QueryDict) -> ReportForm:
    """The form as the address fills it; what is left out has its usual value."""
    given = query.copy()
    for name in ("report", "period"):
        if not given.get(name):
            given[name] = next(iter(KINDS)) if name == "report" else ReportForm.base_fields[name].initial
    return ReportForm(given)


def _made(form: ReportForm) -> Report:
    data = form.cleaned_data
    channels = [channel.pk for channel in data["channels"]]
    return report(data["report"], form.covers(), task_types=data["types"], channels=channels)


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """The report that the address asks for, or the form with what is wrong with it."""
    _allowed(request)
    form = _asked(request.GET)
    if not form.is_valid():
        return render(request, "reports/page.html", {"title": "Reports", "form": form}, status=400)
    made, printed = _made(form), request.GET.get("view") == "print"
    query = request.GET.copy()
    for name in ("view", "format"):
        query.pop(name, None)
    context = {
        "title": made.title,
        "form": form,
        "report": made,
        "about": KINDS[made.type].about,
        "tiles": [Tile.of(metric) for metric in made.metrics],
        "sections": [Section.of(table, whole=printed) for table in made.tables],
        "query": query.urlencode(),
        "formats": FORMATS,
        "printed": printed,
        "may_schedule": request.user.has_perms(MAY_SCHEDULE),
    }
    return render(request, "reports/page.html", context)


@require_safe
def download(request: HttpRequest) -> HttpResponse:
    """The report as a file; a wrong address leads back to the form that says what is wrong."""
    _allowed(request)
    form, kind = _asked(request.GET), request.GET.get("format", "")
    if not form.is_valid() or kind not in FORMATS:
        return redirect(f"{reverse('admin:reports')}?{request.GET.urlencode()}")
    file = export(_made(form), kind)
    answer = HttpResponse(file.data, content_type=file.content_type)
    answer["Content-Disposition"] = f'attachment; filename="{file.name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def schedule(request: HttpRequest) -> HttpResponse:
    """Makes a report recur."""
    _allowed(request)
    if not request.user.has_perms(MAY_SCHEDULE):
        raise PermissionDenied
    form = ScheduleForm(request.POST) if request.method == "POST" else ScheduleForm(initial=_suggested(request.GET))
    if request.method == "POST" and form.is_valid():
        try:
            made = save(_recurring(form), Actor.user(request.user, "admin"))  # type: ignore[arg-type]
        except TaskError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"“{made.name}” is planned; first on {made.next_run_at:%d %b %Y %H:%M} UTC.")
            return redirect(f"{reverse('admin:reports')}?{urlencode({'report': form.cleaned_data['report']})}")
    context: dict[str, Any] = {"title": "Schedule a report", "form": form, "zone": zone_now().key}
    return render(request, "reports/schedule.html", context, status=400 if form.errors else 200)


def _suggested(query: QueryDict) -> dict[str, Any]:
    kind = query.get("report", "")
    title = KINDS[kind].title if kind in KINDS else "Report"
    return {
        "report": kind,
        "name": f"Weekly: {title}",
        "rhythm": "weekly",
        "types": query.getlist("types"),
        "channels": [int(pk) for pk in query.getlist("channels") if pk.isdecimal() and len(pk) < 19],
    }


def _recurring(form: ScheduleForm) -> Recurring:
    data = form.cleaned_data
    span, days = RHYTHMS[data["rhythm"]]
    return Recurring(
        name=data["name"],
        report_type=data["report"],
        span=span,
        at=data["at"],
        cron_days=days,
        timezone=zone_now().key,
        recipient=data["recipient"],
        channel_id=data["channel"].pk if data["channel"] else None,
        format=data["format"],
        task_types=data["types"],
        channels=[channel.pk for channel in data["channels"]],
    )
