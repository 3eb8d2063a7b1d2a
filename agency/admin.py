"""Credentials in the admin: a secret can be written and replaced, never read."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from agency import credentials
from agency.console.confirming import ConfirmedWrites
from agency.models import Credential, CredentialEvent


class CredentialForm(forms.ModelForm):
    """The secret is a field of the form only; left empty when changing, the old one stays."""

    secret = forms.CharField(
        required=False,
        max_length=8192,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="It is never shown again. When you change other fields, leave it empty to keep what is stored.",
    )

    class Meta:
        model = Credential
        fields: ClassVar = ["name", "kind", "account", "allowed_hosts"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.instance.pk and not data.get("secret"):
            self.add_error("secret", "A new credential needs its secret.")
        try:
            data["allowed_hosts"] = credentials.vault.clean_hosts(data.get("allowed_hosts") or [])
        except credentials.CredentialError as error:
            self.add_error("allowed_hosts", str(error))
        return data


class EventInline(admin.TabularInline):
    model = CredentialEvent
    fields = ("at", "action", "actor", "host", "used_by", "detail")
    readonly_fields = fields
    extra = 0
    max_num = 0
    can_delete = False
    verbose_name_plural = "Latest uses and changes"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CredentialEvent]:
        return super().get_queryset(request).select_related("actor")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.get_queryset = _newest  # type: ignore[assignment]
        return formset

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _newest(formset: Any) -> Any:
    return formset.queryset.filter(credential=formset.instance).order_by("-id")[:50]


@admin.register(Credential)
class CredentialAdmin(ConfirmedWrites, admin.ModelAdmin):
    form = CredentialForm
    list_display = ("name", "kind", "hint", "hosts", "owner", "last_used_at", "revoked_at")
    list_filter = ("kind", "inline", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "account", "hint")
    list_select_related = ("owner",)
    readonly_fields = ("hint", "owner", "key_id", "inline", "created_at", "updated_at", "last_used_at", "revoked_at")
    inlines = (EventInline,)
    actions = ("revoke",)

    @admin.display(description="allowed hosts")
    def hosts(self, obj: Credential) -> str:
        return ", ".join(obj.allowed_hosts)

    def get_fields(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        fields = ["name", "kind", "account", "allowed_hosts", "secret"]
        return fields if obj is None else [*fields, *self.readonly_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Credential | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj is None else (*self.readonly_fields, "kind")

    def get_inlines(self, request: HttpRequest, obj: Credential | None = None) -> list[Any]:
        return [] if obj is None else list(self.inlines)

    def save_model(self, request: HttpRequest, obj: Credential, form: Any, change: bool) -> None:
        data = form.cleaned_data
        if not change:
            made = credentials.store(
                data["secret"],
                name=data["name"],
                kind=data["kind"],
                account=data["account"],
                allowed_hosts=data["allowed_hosts"],
                owner=request.user,
            )
            obj.__dict__.update(made.__dict__)
            return
        credentials.change(
            obj,
            actor=request.user,
            secret=data["secret"] or None,
            allowed_hosts=data["allowed_hosts"],
            name=data["name"],
            account=data["account"],
        )

    @admin.action(description="Revoke the selected credentials", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        for credential in queryset:
            credentials.revoke(credential, actor=request.user)
        messages.success(request, f"{len(queryset)} revoked. Tasks that refer to them will fail.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Revoking ends its use; the row stays as the proof of what was used."""
        return False
