"""The shapes of templates and schedules on the wire."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import Field, RootModel, StringConstraints, model_validator

from agency import credentials
from agency.api.bodies import Answer, Body, PageOf
from tasks.api.requests import Id
from tasks.inputs import Json, Text, Time
from tasks.models import ScheduleOccurrence, TaskSchedule, TaskTemplate

Name = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Cron = Annotated[Text, Field(min_length=9, max_length=100, description="minute hour day month weekday")]
Zone = Annotated[Text, Field(min_length=1, max_length=64, description="A name of the IANA database.")]
Description = Annotated[Text, Field(max_length=5000)]
Misfire = Literal["skip", "last", "all"]
Overlap = Literal["skip", "queue", "cancel"]
Seconds = Annotated[int, Field(ge=0, le=30 * 86_400, description="Seconds.")]
When = Annotated[Time | None, Field(strict=False)]


class TemplateIn(Body):
    """A new template."""

    name: Name
    description: Description = ""
    task: Annotated[Json, Field(description="Fields of a task, as POST tasks/ takes them, with {{slots}}.")]
    parameters: Annotated[Json, Field(description="JSON Schema (type object) of what fills the slots.")] = {}
    active: bool = True


class _Changes(Body):
    """A field that is absent stays as it is; none but the named may be null."""

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, data: Any) -> Any:
        if isinstance(data, dict):
            nulls = [name for name, value in data.items() if value is None and name not in ("startsAt", "endsAt")]
            if nulls:
                raise ValueError(f"{nulls[0][:100]} must not be null")
        return data


class TemplateChanges(_Changes):
    """What may be changed of a template."""

    name: Name = ""
    description: Description = ""
    task: Json = {}
    parameters: Json = {}
    active: bool = True


class FromTemplate(Body):
    """What fills the slots."""

    parameters: Json = {}


class ScheduleIn(Body):
    """A new schedule."""

    name: Name
    template_id: Id
    parameters: Json = {}
    cron: Cron
    timezone: Zone = "UTC"
    misfire: Misfire = "last"
    overlap: Overlap = "skip"
    catchup_window_s: Seconds = 3600
    active: bool = True
    starts_at: When = None
    ends_at: When = None


class ScheduleChanges(_Changes):
    """What may be changed of a schedule."""

    name: Name = ""
    template_id: Id = 1
    parameters: Json = {}
    cron: Cron = ""
    timezone: Zone = ""
    misfire: Misfire = "last"
    overlap: Overlap = "skip"
    catchup_window_s: Seconds = 0
    active: bool = True
    starts_at: When = None
    ends_at: When = None


class TemplateOut(Answer):
    """A template."""

    id: int
    name: str
    description: str
    task: dict[str, Any]
    parameters: dict[str, Any]
    active: bool
    version: int
    created_by: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


class ScheduleOut(Answer):
    """A schedule and its next start."""

    id: int
    name: str
    template_id: int
    template_name: str
    parameters: dict[str, Any]
    cron: str
    timezone: str
    misfire: Misfire
    overlap: Overlap
    catchup_window_s: int
    active: bool
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    next_run_at: dt.datetime | None
    created_by: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


class UpcomingOut(Answer):
    """A planned start."""

    planned_for: dt.datetime


class OccurrenceOut(Answer):
    """A planned start that came."""

    id: int
    occurrence: str = Field(description="Wall time in the zone of the schedule; names the start.")
    planned_for: dt.datetime
    outcome: Literal["started", "skipped"]
    reason: str
    task_id: int | None
    created_at: dt.datetime


class TemplatePage(PageOf[TemplateOut]):
    """A page of templates."""


class SchedulePage(PageOf[ScheduleOut]):
    """A page of schedules."""


class UpcomingArray(RootModel[list[UpcomingOut]]):
    """The next starts."""


class OccurrenceArray(RootModel[list[OccurrenceOut]]):
    """The starts so far, newest first."""


def template_out(row: TaskTemplate) -> TemplateOut:
    """One template, secrets as references in words."""
    same = ("name", "description", "parameters", "active", "version", "created_at", "updated_at")
    return TemplateOut.model_construct(
        id=row.pk,
        task=credentials.mask(row.task),
        created_by=row.created_by.get_username() if row.created_by else None,
        **{name: getattr(row, name) for name in same},
    )


def schedule_out(row: TaskSchedule) -> ScheduleOut:
    """One schedule."""
    same = (
        "name", "template_id", "cron", "timezone", "misfire", "overlap", "catchup_window_s", "active", "starts_at",
        "ends_at", "next_run_at", "created_at", "updated_at",
    )  # fmt: skip
    return ScheduleOut.model_construct(
        id=row.pk,
        template_name=row.template.name,
        parameters=credentials.mask(row.parameters),
        created_by=row.created_by.get_username() if row.created_by else None,
        **{name: getattr(row, name) for name in same},
    )


def occurrence_out(row: ScheduleOccurrence) -> OccurrenceOut:
    """One planned start that came."""
    same = ("occurrence", "planned_for", "outcome", "reason", "task_id", "created_at")
    return OccurrenceOut.model_construct(id=row.pk, **{name: getattr(row, name) for name in same})
