"""Decisions in the admin: approvals are facts, policies are data that managers write."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from agency.console.confirming import ConfirmedWrites
from agency.console.lists import FastAdmin, ReadOnlyAdmin, words_filter
from tasks.admin import facts
from tasks.executors import registry
from tasks.models import Approval, ReviewPolicy, SourceType
from tasks.review.reasons import RejectCode

DAYS = [(0, _("Mon")), (1, _("Tue")), (2, _("Wed")), (3, _("Thu")), (4, _("Fri")), (5, _("Sat")), (6, _("Sun"))]


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """One person's decision about one exact content."""

    list_display = ("id", "task_ref", "decision", "user", "door", "code", "created_at", "voided_at")
    list_filter = (
        "decision",
        words_filter("door", ("admin", "queue", "api", "bulk", "channel", "link")),
        words_filter("code", RejectCode.values),
    )
    ordering = ("-id",)
    sortable_by = ("id",)
    search_fields = ("=task__id", "=user__username")
    list_select_related = ("user",)

    @admin.display(description="task", ordering="task_id")
    def task_ref(self, obj: Approval) -> str:
        return facts.task_link(obj.task_id)


class PolicyForm(forms.ModelForm):
    """Choices instead of free words where the system knows them."""

    task_types = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple, choices=())
    sources = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple, choices=SourceType.choices)
    reviewer_groups = forms.ModelMultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        queryset=Group.objects.order_by("name"),
        help_text=_("Only members of one of these; none: everybody who may approve"),
    )
    business_days = forms.TypedMultipleChoiceField(
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        choices=DAYS,
        help_text=_("Days on which the clocks run; none: they run always"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(name, executor.label) for name, executor in registry.known().items()]
        kept = [(name, name) for name in self.instance.task_types if name not in registry.known()]
        self.fields["task_types"].choices = known + kept  # type: ignore[attr-defined]

    def clean_timezone(self) -> str:
        name = str(self.cleaned_data["timezone"])
        if name not in available_timezones():
            raise forms.ValidationError(_("Write a zone of the IANA database, such as Europe/Berlin."))
        return ZoneInfo(name).key

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("opens_at") and data.get("closes_at") and data["opens_at"] >= data["closes_at"]:
            self.add_error("closes_at", _("It must close after it opens."))
        return data


@admin.register(ReviewPolicy)
class ReviewPolicyAdmin(ConfirmedWrites, FastAdmin):
    """Rules that ask for review. Changing one changes nothing about tasks that exist, until they are edited."""

    form = PolicyForm
    list_display = ("name", "active", "reason", "level", "approvals", "four_eyes", "sla_minutes", "updated_at")
    list_filter = ("active", "risk", "four_eyes")
    search_fields = ("name", "reason")
    ordering = ("name",)
    raw_id_fields = ("creators", "templates")
    fieldsets = (
        (None, {"fields": ("name", "description", "active", "reason", "risk")}),
        (
            _("Matches tasks when all of these agree; what is empty agrees with everything"),
            {
                "fields": (
                    "task_types",
                    "actions",
                    "sources",
                    "channels",
                    "hosts",
                    "recipients",
                    "min_recipients",
                    "min_amount",
                    "templates",
                    "creators",
                    "only_from_text",
                )
            },
        ),
        (_("Who decides"), {"fields": ("approvals", "four_eyes", "reviewer_groups")}),
        (
            _("Until when"),
            {
                "fields": (
                    "sla_minutes",
                    "remind_after_minutes",
                    "escalate_after_minutes",
                    "escalate_to",
                    "expires_after_hours",
                    "business_days",
                    ("opens_at", "closes_at", "timezone"),
                )
            },
        ),
    )

    @admin.display(description="risk", ordering="risk")
    def level(self, obj: ReviewPolicy) -> str:
        return facts.pill(obj.get_risk_display(), f"risk-{obj.risk}")

    def has_delete_permission(self, request: HttpRequest, obj: ReviewPolicy | None = None) -> bool:
        """Built-in ones are switched off instead."""
        return super().has_delete_permission(request, obj) and (obj is None or not obj.key)
