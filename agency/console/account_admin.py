"""People, their groups, tokens and the audit of accounts in the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from agency.console.lists import ReadOnlyAdmin
from agency.models import AccountEvent, ApiToken


class PeopleAdmin(UserAdmin):
    """Django's page of users; what people may do is given by groups."""

    list_display = ("username", "email", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    filter_horizontal = ()
    formfield_overrides: ClassVar = {models.ManyToManyField: {"widget": forms.CheckboxSelectMultiple}}
    fieldsets = (
        (None, {"fields": ("username", "password", "email", "first_name", "last_name")}),
        ("What they may do", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("When", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Switched off instead: what they decided refers to them."""
        return False


class RolesAdmin(GroupAdmin):
    """Groups with a plain list of permissions."""

    filter_horizontal = ()

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        """Tall enough to find something."""
        kwargs.setdefault("widget", forms.SelectMultiple(attrs={"size": 24}))
        return super().formfield_for_manytomany(db_field, request, **kwargs)


class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens are made by a command or the API and shown once; here they can be revoked."""

    list_display = ("prefix", "user", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    ordering = ("-id",)
    search_fields = ("=prefix", "=user__username")
    fields = ("prefix", "user", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    csv_fields = fields
    actions = ("revoke", "export_csv")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agency.change_apitoken")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Ends the use of the selected tokens."""
        done = queryset.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
        messages.success(request, f"{done} revoked.")


class AccountEventAdmin(ReadOnlyAdmin):
    """Who came in, and who failed to."""

    list_display = ("id", "at", "kind", "username", "ip", "agent")
    list_filter = ("kind",)
    ordering = ("-id",)
    sortable_by = ("id",)
    search_fields = ("=username", "=ip")
    search_help_text = "A whole name or address"


def take_over() -> None:
    """Registers these; Django's own pages of users and groups make room."""
    pages: list[tuple[type[models.Model], type[admin.ModelAdmin[Any]]]] = [
        (User, PeopleAdmin),
        (Group, RolesAdmin),
        (ApiToken, ApiTokenAdmin),
        (AccountEvent, AccountEventAdmin),
    ]
    for model, page in pages:
        if admin.site.is_registered(model):
            admin.site.unregister(model)
        admin.site.register(model, page)
