"""Templates and schedules in the admin. Their rules live in tasks/templates.py and tasks/schedules.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join

from agency.console.lists import FastAdmin, ReadOnlyInline
from tasks import schedules, templates
from tasks.actors import Actor
from tasks.admin.forms import show_errors
from tasks.errors import Invalid
from tasks.models import ScheduleOccurrence, TaskSchedule, TaskTemplate

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


class TemplateForm(forms.ModelForm):
    """Written by the same service as a template that comes in by the API: its refusals stand beside the fields."""

    actor: Actor

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if isinstance(data.get("task"), dict) and isinstance(data.get("parameters"), dict):
            self._rehearse(data)
        return data

    def _rehearse(self, data: dict[str, Any]) -> None:
        draft = TaskTemplate(pk=self.instance.pk, task=data["task"], parameters=data["parameters"])
        try:
            templates.check_all(draft, self.actor)
        except Invalid as error:
            show_errors(self, error)


@admin.register(TaskTemplate)
class TaskTemplateAdmin(FastAdmin):
    """The fields of a task to be made again and again."""

    form = TemplateForm
    list_display = ("name", "active", "version", "updated_at")
    list_filter = ("active",)
    search_fields = ("name", "description")
    fields = ("name", "description", "task", "parameters", "active", "version", "created_by")
    readonly_fields = ("version", "created_by")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form knows who writes: secrets become that person's credentials."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.actor = Actor.user(cast("AbstractBaseUser", request.user), "admin")
        return form

    def save_model(self, request: HttpRequest, obj: TaskTemplate, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.user.pk
        templates.save(obj, form.actor)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Switched off instead: tasks made from it refer to it."""
        return False


class ScheduleForm(forms.ModelForm):
    """Checked by the same rules as a schedule that comes in by the API."""

    actor: Actor

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            try:
                schedules.check(data, self.actor)
            except Invalid as error:
                show_errors(self, error)
        return data


class OccurrenceInline(ReadOnlyInline):
    model = ScheduleOccurrence
    fields = ("planned_for", "outcome", "reason", "task")
    readonly_fields = fields
    verbose_name_plural = "Latest starts"


@admin.register(TaskSchedule)
class TaskScheduleAdmin(FastAdmin):
    """Recurring starts."""

    form = ScheduleForm
    list_display = ("name", "template", "cron", "timezone", "next_run_at", "active")
    list_filter = ("active",)
    list_select_related = ("template",)
    search_fields = ("name",)
    fields = (
        "name",
        "template",
        "parameters",
        ("cron", "timezone"),
        ("misfire", "overlap", "catchup_window_s"),
        ("starts_at", "ends_at"),
        "active",
        "upcoming",
    )
    readonly_fields = ("upcoming",)
    inlines = (OccurrenceInline,)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form knows who writes: a schedule starts only what its writer may have done."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.actor = Actor.user(cast("AbstractBaseUser", request.user), "admin")
        return form

    @admin.display(description="next starts")
    def upcoming(self, obj: TaskSchedule) -> str:
        if obj.pk is None or not obj.active:
            return "–"
        return format_html_join(
            "", "<div>{}</div>", ((f"{at:%a %d %b %Y %H:%M} UTC",) for at in schedules.preview(obj, 5))
        )

    def save_model(self, request: HttpRequest, obj: TaskSchedule, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.user.pk
        schedules.save(obj, form.actor)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Switched off instead: its starts are the proof of what ran."""
        return False
