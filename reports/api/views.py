"""reports/: every kind of report over any period, as JSON or as a file."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, RootModel
from pydantic.alias_generators import to_camel
from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.bodies import parse_query
from agency.api.documented import documented
from agency.api.permissions import require_permission
from agency.api.problems import Problem
from agency.api.views import ApiView
from reports.build import KINDS, report
from reports.executor import PERMISSION, Coverage
from reports.exports import FORMATS, export

FILES = tuple(media.split(";")[0] for kind, (media, _) in FORMATS.items() if kind != "json")


class KindOut(BaseModel):
    """One kind of report."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    report_type: str
    title: str
    about: str


class KindArray(RootModel[list[KindOut]]):
    """The kinds of report there are."""


class PeriodOut(BaseModel):
    """From `start` to before `end`, read in `timezone`."""

    start: dt.datetime
    end: dt.datetime
    timezone: str


class ReportOut(BaseModel):
    """A report. Its tables stand beside these fields, each under the name of its kind."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow")

    report_type: str
    title: str
    period: PeriodOut
    previous_period: PeriodOut
    generated_at: dt.datetime
    filters: list[str]
    summary: dict[str, Any]
    previous: dict[str, Any]
    change: dict[str, Any]
    notes: list[str]


class Kinds(ApiView):
    """reports/"""

    @documented(KindArray)
    def get(self, request: Request) -> Response:
        """The kinds of report there are."""
        require_permission(request, PERMISSION)
        found = [KindOut(report_type=kind.type, title=kind.title, about=kind.about) for kind in KINDS.values()]
        return Response([kind.model_dump(by_alias=True) for kind in found])


class Figures(ApiView):
    """reports/{reportType}/"""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """`format` names the file here, not a renderer."""
        return self.get_renderers()[0], "application/json"

    @documented(ReportOut, query=Coverage, files=FILES)
    def get(self, request: Request, report_type: str) -> Any:
        """A report over startDate to endDate or a `period`; `format` csv or xlsx answers a file."""
        require_permission(request, PERMISSION)
        if report_type not in KINDS:
            raise Problem(404, f"There is no such report; expected one of {', '.join(KINDS)}")
        query = parse_query(Coverage, request)
        period = query.covers(timezone.now())
        made = report(report_type, period, task_types=query.task_types, channels=query.channels)
        if query.format == "json":
            return Response(made.as_json())
        file = export(made, query.format)
        answer = HttpResponse(file.data, content_type=file.content_type)
        answer["Content-Disposition"] = f'attachment; filename="{file.name}"'
        answer["X-Content-Type-Options"] = "nosniff"
        return answer
