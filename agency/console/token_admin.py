"""API tokens in the admin: made for oneself, shown once, revoked by their owner or by who manages people."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from agency.api import tokens
from agency.console.confirming import ConfirmedWrites
from agency.console.lists import ReadOnlyAdmin
from agency.models import ApiToken

#: Who may change people sees and revokes everybody's tokens.
MANAGES = "auth.change_user"
MEANING = {
    "read": "read: look at what its owner sees",
    "write": "write: create, edit, start and cancel",
    "review": "review: approve and reject",
    "admin": "admin: channels, policies and the processor",
}


class TokenForm(forms.ModelForm):
    """What a new token is for, may do, and how long."""

    name = forms.CharField(max_length=100, help_text="What will use it.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope, MEANING[scope]) for scope in tokens.SCOPES],
        widget=forms.CheckboxSelectMultiple,
        initial=["read"],
        help_text="A token never may more than its owner.",
    )
    share = forms.IntegerField(
        min_value=1, max_value=100, initial=100, help_text="Per cent of your rate limits that it may use."
    )
    days = forms.TypedChoiceField(
        label="Expires",
        coerce=int,
        initial=90,
        choices=[(30, "in 30 days"), (90, "in 90 days"), (365, "in a year"), (0, "never")],
    )

    class Meta:
        model = ApiToken
        fields: ClassVar = ["name", "scopes", "share"]


class ApiTokenAdmin(ConfirmedWrites, ReadOnlyAdmin):
    """Facts about tokens; the text of one is shown when it is made and never again."""

    form = TokenForm
    list_display = ("prefix", "user", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    ordering = ("-id",)
    search_fields = ("=prefix", "=user__username")
    facts = (*list_display[:4], "share", *list_display[4:])
    csv_fields = facts
    actions = ("revoke", "export_csv")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        """Own tokens; everybody's for those who manage people."""
        rows = super().get_queryset(request)
        return rows if request.user.has_perm(MANAGES) else rows.filter(user=request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agency.add_apitoken")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agency.change_apitoken")

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return self.facts if obj else ("name", "scopes", "share", "days")

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Always for the person who makes it: nobody gets a token that acts for somebody else."""
        said = form.cleaned_data
        until = timezone.now() + dt.timedelta(days=said["days"]) if said["days"] else None
        made, text = tokens.create(
            request.user, scopes=said["scopes"], name=said["name"], expires_at=until, share=said["share"]
        )
        obj.__dict__.update(made.__dict__)
        obj.__dict__["text"] = text

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """The page that shows the token, once: no redirect, nothing kept in a session or a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Your new API token",
            "token": obj,
            "text": obj.__dict__["text"],
            "opts": self.opts,
        }
        response = TemplateResponse(request, "agency/api_token_made.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Ends the use of the selected tokens."""
        done = queryset.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
        messages.success(request, f"{done} revoked.")
