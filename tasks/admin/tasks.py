"""Tasks in the admin: a fast list with actions, facts on the change page, edits that go through the service."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from agency.console.confirming import ConfirmedWrites
from agency.console.lists import FastAdmin, ReadOnlyInline
from tasks import search, services
from tasks.actors import Actor
from tasks.admin import facts
from tasks.admin.actions import TaskActions
from tasks.admin.filters import AgeFilter, CauseFilter, OpenFilter, TypeFilter, ViewFilter
from tasks.admin.forms import TaskForm, show_errors
from tasks.errors import Invalid, TaskError
from tasks.models import AgencyTask, Approval, TaskDependency, TaskEvent, TaskExecution
from tasks.states import EDITABLE

EVENTS_SHOWN = 100


class ExecutionInline(ReadOnlyInline):
    model = TaskExecution
    fields = ("attempt", "status", "triggered_by", "started_at", "duration_ms", "error")
    readonly_fields = fields
    verbose_name_plural = "Attempts"


class ApprovalInline(ReadOnlyInline):
    model = Approval
    fields = ("decision", "user", "door", "code", "notes", "created_at", "voided_at")
    readonly_fields = fields
    show_change_link = False
    verbose_name_plural = "Decisions"


class DependencyInline(ReadOnlyInline):
    model = TaskDependency
    fk_name = "task"
    fields = ("depends_on", "met")
    readonly_fields = fields
    show_change_link = False
    verbose_name_plural = "Waits for"


@admin.register(AgencyTask)
class AgencyTaskAdmin(TaskActions, ConfirmedWrites, FastAdmin):
    """Facts are read-only here; what may be changed is changed on the edit page, through tasks.services."""

    actions = ("approve", "reject", "execute", "cancel", "replay", "export_csv")
    list_display = ("id", "name", "task_type", "state", "level", "review_state", "scheduled_for", "created_at", "tries")
    list_display_links = ("id",)
    list_filter = (
        ViewFilter,
        OpenFilter,
        "status",
        TypeFilter,
        "priority",
        "review",
        "source_type",
        AgeFilter,
        CauseFilter,
    )
    ordering = ("-id",)
    sortable_by = ("id",)
    search_fields = ("title",)
    search_help_text = "Words of title and description, or #number"
    csv_fields = (
        "id",
        "task_uuid",
        "title",
        "task_type",
        "status",
        "status_reason",
        "priority",
        "category",
        "review",
        "scheduled_for",
        "deadline",
        "created_at",
        "completed_at",
        "error_count",
        "last_error",
        "source_type",
    )
    inlines = (ApprovalInline, ExecutionInline, DependencyInline)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("state", "status_reason"),
                    "title",
                    "description",
                    ("task_type", "target", "effect"),
                    "config",
                )
            },
        ),
        (
            "Review",
            {
                "fields": (
                    ("review_state", "human_reviewed_by", "human_reviewed_at", "approved_until"),
                    "reasons",
                    "review_notes",
                )
            },
        ),
        (
            "When",
            {
                "fields": (
                    ("scheduled_for", "deadline", "run_at"),
                    ("created_at", "queued_at", "started_at", "completed_at"),
                )
            },
        ),
        (
            "What came of it",
            {"fields": ("result_summary", "outcome", "last_error", ("error_count", "crash_count", "handback_count"))},
        ),
        ("Question", {"fields": ("question", "waiting_until")}),
        (
            "Where it came from",
            {"fields": (("source_type", "created_by", "last_edited_by"), "message", ("template", "schedule"))},
        ),
        (
            "Row",
            {
                "classes": ("collapse",),
                "fields": (
                    ("task_uuid", "version", "epoch", "run_generation"),
                    ("config_digest", "approved_digest"),
                    "more",
                ),
            },
        ),
        ("History", {"fields": ("history",)}),
    )

    # --- lists ----------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgencyTask]:
        """Without the wide columns that no list shows."""
        queryset = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name == "tasks_agencytask_changelist":
            queryset = queryset.defer("result", "execution_config", "original_message", "metadata")
        return queryset

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By the full-text index; `#12` or `12` names a task."""
        if search_term.strip():
            queryset = queryset.filter(search.matching(search_term))
        return queryset, False

    @admin.display(description="title", ordering="title")
    def name(self, obj: AgencyTask) -> str:
        return facts.task_link(obj.pk, obj.title)

    @admin.display(description="status", ordering="status")
    def state(self, obj: AgencyTask) -> str:
        return facts.pill(obj.status)

    @admin.display(description="priority", ordering="priority")
    def level(self, obj: AgencyTask) -> str:
        return facts.pill(obj.get_priority_display(), f"priority-{obj.priority}")

    @admin.display(description="review", ordering="review")
    def review_state(self, obj: AgencyTask) -> str:
        return facts.pill(obj.review) if obj.review != "none" else "–"

    @admin.display(description="attempts")
    def tries(self, obj: AgencyTask) -> str:
        return f"{obj.attempt_count} ({obj.error_count} failed)" if obj.error_count else str(obj.attempt_count)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """With a heading of its own."""
        return super().changelist_view(request, {"title": _("Tasks")} | (extra_context or {}))

    # --- facts ----------------------------------------------------------------------------------------------------

    @admin.display(description="executionConfig")
    def config(self, obj: AgencyTask) -> str:
        return facts.block(obj.execution_config)

    @admin.display(description="result")
    def outcome(self, obj: AgencyTask) -> str:
        return facts.block(obj.result)

    @admin.display(description="question")
    def question(self, obj: AgencyTask) -> str:
        return facts.block(obj.waiting_for)

    @admin.display(description="metadata")
    def more(self, obj: AgencyTask) -> str:
        return facts.block(obj.metadata)

    @admin.display(description="original message")
    def message(self, obj: AgencyTask) -> str:
        return facts.text_block(obj.original_message)

    @admin.display(description="why a person looks first")
    def reasons(self, obj: AgencyTask) -> str:
        return format_html_join("", "<div>{}</div>", ((reason,) for reason in obj.review_reasons)) or "–"

    @admin.display(description="history")
    def history(self, obj: AgencyTask) -> str:
        rows = TaskEvent.objects.filter(task_id=obj.pk).order_by("-id")[:EVENTS_SHOWN]
        cells = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (f"{e.at:%Y-%m-%d %H:%M:%S}", e.actor, e.kind, f"{e.from_status} → {e.to_status}", e.reason)
                for e in rows
            ),
        )
        table = '<table class="facts"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
        head = format_html_join("", "<th>{}</th>", ((name,) for name in ("When (UTC)", "Who", "What", "Status", "Why")))
        return format_html(table, head, cells)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Original messages are for those who may see sensitive things."""
        if request.user.has_perm("tasks.view_sensitive"):
            return self.fieldsets
        kept = []
        for title, options in self.fieldsets:
            kept.append((title, {**options, "fields": [name for name in options["fields"] if name != "message"]}))
        return kept

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed by saving a row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # --- writing, through the services ----------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """One more page: edit."""
        edit = self.admin_site.admin_view(self.edit_view)
        return [path("<path:object_id>/edit/", edit, name="tasks_agencytask_edit"), *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """The facts, with links to the task's page and to the edit page."""
        task = self.get_object(request, unquote(object_id))
        editable = task is not None and task.status in EDITABLE and request.user.has_perm("tasks.change_agencytask")
        return super().change_view(
            request, object_id, form_url, {"editable": editable, "task": task} | (extra_context or {})
        )

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A new task, made by the service."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TaskForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                task = services.create(form.as_input(), Actor.user(request.user, "admin"))  # type: ignore[arg-type]
            except Invalid as error:
                show_errors(form, error)
            else:
                messages.success(request, _("Task %(id)s was made.") % {"id": task.pk})
                return redirect(reverse("admin:task_page", args=[task.pk]))
        return self._form_page(request, form, _("New task"))

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Changes a task nobody is running; refuses when somebody else was faster."""
        task = self.get_object(request, unquote(object_id))
        if not request.user.has_perm("tasks.change_agencytask"):
            raise PermissionDenied
        if task is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        form = TaskForm(request.POST or None, task=task)
        if request.method == "POST" and form.is_valid():
            try:
                actor = Actor.user(request.user, "admin")  # type: ignore[arg-type]
                services.edit(task.pk, form.as_changes(), actor, version=form.cleaned_data["version"])
            except Invalid as error:
                show_errors(form, error)
            except TaskError as error:
                form.add_error(None, str(error))
                return self._form_page(request, form, str(task), task, status=409)
            else:
                messages.success(request, _("Saved."))
                return redirect(_home(request, task))
        return self._form_page(request, form, str(task), task)

    def _form_page(
        self, request: HttpRequest, form: TaskForm, title: str, task: AgencyTask | None = None, status: int = 0
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "form": form,
            "title": title,
            "task": task,
            "opts": self.opts,
            "cancel": _home(request, task) if task else reverse("admin:tasks_agencytask_changelist"),
        }
        code = status or (422 if form.errors else 200)
        return TemplateResponse(request, "admin/tasks/agencytask/edit.html", context, status=code)


def _home(request: HttpRequest, task: AgencyTask) -> str:
    """Where an edit leads back to: the queue as it was, filters and all, for who came from there; else the task's page."""
    query = request.GET.copy()
    if query.pop("next", None) != ["review"]:
        return reverse("admin:task_page", args=[task.pk])
    return f"{reverse('review:task', args=[task.pk])}?{query.urlencode()}".rstrip("?")
