"""People, their groups and the audit of accounts in the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from axes.admin import AccessAttemptAdmin
from axes.models import AccessAttempt
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import models
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from agency.console.confirming import ConfirmedWrites
from agency.console.lists import ReadOnlyAdmin
from agency.console.token_admin import ApiTokenAdmin
from agency.models import AccountEvent, ApiToken


class PeopleAdmin(ConfirmedWrites, UserAdmin):
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


class RolesAdmin(ConfirmedWrites, GroupAdmin):
    """Groups with a plain list of permissions."""

    filter_horizontal = ()

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        """Tall enough to find something."""
        kwargs.setdefault("widget", forms.SelectMultiple(attrs={"size": 24}))
        return super().formfield_for_manytomany(db_field, request, **kwargs)


class AccountEventAdmin(ReadOnlyAdmin):
    """Who came in, and who failed to."""

    list_display = ("id", "at", "kind", "username", "ip", "agent")
    list_filter = ("kind",)
    ordering = ("-id",)
    sortable_by = ("id",)
    search_fields = ("=username", "=ip")
    search_help_text = "A whole name or address"


class DeviceAdmin(ConfirmedWrites, ReadOnlyAdmin):
    """Who has a second factor, to take it away from somebody who lost it. Its secret and its paper codes are shown to nobody."""

    list_display = ("user", "name", "confirmed", "created_at", "last_used_at")
    fields = list_display
    csv_fields = ("user__username", "name", "confirmed", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("=user__username",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The person sets up another at the next sign-in."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


class LockOutAdmin(ConfirmedWrites, AccessAttemptAdmin):
    """Who is locked out, to let them in again: a stolen session must not open the lock for its next guesses."""


def take_over() -> None:
    """Registers these; Django's own pages of users and groups make room."""
    pages: list[tuple[type[models.Model], type[admin.ModelAdmin[Any]]]] = [
        (User, PeopleAdmin),
        (Group, RolesAdmin),
        (ApiToken, ApiTokenAdmin),
        (AccountEvent, AccountEventAdmin),
        (TOTPDevice, DeviceAdmin),
        (StaticDevice, DeviceAdmin),
        (AccessAttempt, LockOutAdmin),
    ]
    for model, page in pages:
        if admin.site.is_registered(model):
            admin.site.unregister(model)
        admin.site.register(model, page)
