"""Channels and messages in the admin: channels are changed through their service, messages are facts with actions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from agency import credentials
from agency.console.confirming import ConfirmedWrites
from agency.console.lists import FastAdmin, ReadOnlyAdmin, ReadOnlyInline
from tasks.actors import Actor
from tasks.errors import TaskError
from webhooks import channels, doorbell, keys, resending
from webhooks.admin_forms import ChannelForm, camel
from webhooks.api.serializers import channel_out
from webhooks.audit import record
from webhooks.inbound import bodies, processing
from webhooks.inbound.parsing.entities import normal_address
from webhooks.models import (
    ChannelEvent,
    ChannelKey,
    ChannelSender,
    Conversation,
    DeliveryAttempt,
    InboundMessage,
    OutboundMessage,
    Webhook,
)

MOST_AT_ONCE = 200


def actor_of(request: HttpRequest) -> Actor:
    """The logged-in person."""
    return Actor.user(request.user, "admin")  # type: ignore[arg-type]


def each(request: HttpRequest, queryset: QuerySet[Any], act: Callable[[int, Actor], Any]) -> None:
    """One row after the other; each refusal is told."""
    done, actor = 0, actor_of(request)
    for pk in queryset.order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE]:
        try:
            act(pk, actor)
            done += 1
        except TaskError as error:
            messages.error(request, f"#{pk}: {error}")
    if done:
        messages.success(request, f"Done: {done}.")


# --- channels ---


class KeyInline(ReadOnlyInline):
    model = ChannelKey
    fields = ("purpose", "hint", "created_at", "expires_at", "revoked_at")
    readonly_fields = fields
    show_change_link = False

    @admin.display(description="ends with")
    def hint(self, key: ChannelKey) -> str:
        """The last characters of the secret."""
        return key.credential.hint


class SenderInline(admin.TabularInline):
    model = ChannelSender
    fields = ("address", "name", "user", "timezone", "may_command")
    autocomplete_fields = ("user",)
    extra = 0
    verbose_name_plural = "Known senders: commands that change tasks are taken from these only"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("webhooks.manage_channels")

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(Webhook)
class WebhookAdmin(ConfirmedWrites, FastAdmin):
    """Channels. Made and changed through webhooks.channels."""

    form = ChannelForm
    list_display = ("name", "type", "state", "trust", "last_success_at", "failing_since")
    list_filter = ("type", "is_active", "provider")
    search_fields = ("name", "account", "url")
    readonly_fields = ("inbound_address", "state", "disabled_reason", "last_success_at", "failing_since", "history")
    inlines = (SenderInline, KeyInline)
    actions = ("disable", "enable", "rotate_inbound", "rotate_outbound", "resend_dead", "export_csv")
    csv_fields = ("id", "name", "type", "is_active", "provider", "verification", "last_success_at", "failing_since")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Secrets only when a channel is made."""
        names = list(super().get_fields(request, obj))
        hidden = {"inbound_secret", "outbound_secret"} if obj else set(self.readonly_fields)
        return [name for name in names if name not in hidden]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The type of a channel stays."""
        return (*self.readonly_fields, "type") if obj else self.readonly_fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("webhooks.manage_channels")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("webhooks.manage_channels")

    has_manage_permission = has_add_permission

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """May send messages again."""
        return request.user.has_perm("webhooks.resend_outboundmessage")

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        """Through the service; made secrets are shown this once."""
        document = form.document
        if change:
            channels.change(obj.pk, {name: document[name] for name in map(camel, form.changed_data)}, actor_of(request))
            obj.refresh_from_db()
            return
        made = channels.create(channels.parse_channel(document), actor_of(request))
        obj.__dict__.update(Webhook.objects.get(pk=made.channel.pk).__dict__)
        for purpose, secret in made.secrets.items():
            _show_secret(request, purpose, secret)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Senders in one spelling, with a line in the channel's history."""
        for sender in formset.save(commit=False):
            sender.address = normal_address(sender.webhook.type, sender.address, sender.webhook.region)
            sender.save()
            record(sender.webhook_id, "sender_saved", actor_of(request), {"sender": sender.pk, "user": sender.user_id})
        for sender in formset.deleted_objects:
            channels.forget_sender(sender, actor_of(request))

    @admin.display(description="state", ordering="is_active")
    def state(self, channel: Webhook) -> str:
        """On, off or failing, in words."""
        if not channel.is_active:
            return "● off"
        return "▲ failing" if channel.failing_since else "✓ on"

    @admin.display(description="inbound messages are")
    def trust(self, channel: Webhook) -> str:
        """Signed, or only accompanied by a shared token."""
        if not channel.accepts_inbound:
            return "not taken"
        return "weak: not signed" if channel.is_weak else "signed"

    @admin.display(description="address for the provider")
    def inbound_address(self, channel: Webhook) -> str:
        """Where the provider posts to."""
        return format_html("<code>{}</code>", channel_out(channel).inbound_url)

    @admin.display(description="history")
    def history(self, channel: Webhook) -> str:
        """The newest lines of the audit trail."""
        rows = ChannelEvent.objects.filter(webhook_id=channel.pk).order_by("-id")[:20]
        lines = [f"{row.at:%Y-%m-%d %H:%M} {row.action} by {row.actor} {row.reason}".strip() for row in rows]
        return format_html('<pre class="facts">{}</pre>', "\n".join(lines))

    @admin.action(description="Switch off", permissions=["manage"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """Nothing comes in, what waits is held."""
        each(request, queryset, lambda pk, actor: channels.disable(pk, actor, "Switched off in the admin"))

    @admin.action(description="Switch on", permissions=["manage"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """What was held goes out."""
        each(request, queryset, channels.enable)

    @admin.action(description="New inbound key (the old one lives 24 h)", permissions=["manage"])
    def rotate_inbound(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """Shows the new secret once."""
        self._rotate(request, queryset, ChannelKey.Purpose.INBOUND)

    @admin.action(description="New outbound key (the old one lives 24 h)", permissions=["manage"])
    def rotate_outbound(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """Shows the new secret once."""
        self._rotate(request, queryset, ChannelKey.Purpose.OUTBOUND)

    def _rotate(self, request: HttpRequest, queryset: QuerySet[Webhook], purpose: str) -> None:
        for channel in queryset[:10]:
            try:
                _, secret = keys.rotate(channel, purpose, actor_of(request))
                _show_secret(request, f"{channel.name}, {purpose}", secret)
            except TaskError as error:
                messages.error(request, f"{channel.name}: {error}")

    @admin.action(description="Send dead messages of the last 24 h again", permissions=["resend"])
    def resend_dead(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """They begin a new schedule of tries."""
        since = timezone.now() - dt.timedelta(hours=24)
        each(request, queryset, lambda pk, actor: resending.resend_since(pk, since, actor))


def _show_secret(request: HttpRequest, what: str, secret: str) -> None:
    messages.warning(request, format_html("New secret ({}), shown this once: <code>{}</code>", what, secret))


# --- messages ---


class SensitiveAdmin(ReadOnlyAdmin):
    """Facts; what people wrote only for those who may see it."""

    sensitive: ClassVar[tuple[str, ...]] = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without what this person may not see."""
        hidden = () if request.user.has_perm("tasks.view_sensitive") else self.sensitive
        return [name for name in super().get_fields(request, obj) if name not in hidden]


@admin.register(InboundMessage)
class InboundMessageAdmin(ConfirmedWrites, SensitiveAdmin):
    """What came in."""

    list_display = ("id", "webhook", "state", "event_type", "sent_by", "received_at", "task_id")
    list_filter = ("state", "webhook")
    list_select_related = ("webhook",)
    search_fields = ("external_id",)
    exclude = ("raw", "headers")
    sensitive = ("text", "subject", "sender", "understanding", "body")
    readonly_fields = ("body",)
    actions = ("replay", "export_csv")
    csv_fields = ("id", "webhook_id", "external_id", "state", "event_type", "received_at", "processed_at", "task_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundMessage]:
        """Without bodies in lists."""
        rows = super().get_queryset(request)
        listed = request.resolver_match and str(request.resolver_match.url_name).endswith("_changelist")
        return rows.defer("raw", "text") if listed else rows

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """May process messages again."""
        return request.user.has_perm("webhooks.replay_inboundmessage")

    @admin.display(description="sender")
    def sent_by(self, message: InboundMessage) -> str:
        """Masked: lists are looked at over shoulders."""
        return f"{message.sender[:3]}…{message.sender[-2:]}" if len(message.sender) > 6 else message.sender

    @admin.display(description="body as it came, secrets masked")
    def body(self, message: InboundMessage) -> str:
        """At most 20,000 characters, escaped."""
        if message.raw is None:
            return "forgotten"
        try:
            text = bodies.body_of(message).decode("utf-8", "replace")
            text = json.dumps(credentials.redact(json.loads(text)), indent=2, ensure_ascii=False)
        except credentials.CredentialError as error:
            return str(error)
        except (ValueError, RecursionError):
            text = str(credentials.redact(text))
        return format_html('<pre class="facts">{}</pre>', text[:20_000])

    @admin.action(description="Process again", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[InboundMessage]) -> None:
        """Messages that made no task."""
        done = 0
        for message in queryset.defer("raw", "text")[:MOST_AT_ONCE]:
            if processing.replay(message.pk):
                done += 1
                record(message.webhook_id, "message_replayed", actor_of(request), {"inbound": message.pk})
        doorbell.ring(doorbell.INBOX)
        messages.success(request, f"{done} will be processed again.")


class AttemptInline(ReadOnlyInline):
    model = DeliveryAttempt
    fields = ("number", "outcome", "status_code", "error", "duration_ms", "manual", "started_at", "response_body")
    readonly_fields = fields
    show_change_link = False
    verbose_name_plural = "Tries"


@admin.register(OutboundMessage)
class OutboundMessageAdmin(ConfirmedWrites, SensitiveAdmin):
    """What goes out."""

    list_display = (
        "message_id",
        "webhook",
        "event_type",
        "state",
        "receipt",
        "attempts",
        "next_attempt_at",
        "last_error",
    )
    list_filter = ("state", "receipt", "webhook", "event_type")
    list_select_related = ("webhook",)
    search_fields = ("message_id",)
    exclude = ("body",)
    sensitive = ("text", "subject", "recipient", "address")
    inlines = (AttemptInline,)
    actions = ("resend", "begin_anew", "cancel", "expunge", "export_csv")
    csv_fields = ("id", "message_id", "webhook_id", "event_type", "state", "attempts", "created_at", "last_error")

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """May send messages again and stop them."""
        return request.user.has_perm("webhooks.resend_outboundmessage")

    @admin.action(description="Try once now", permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[OutboundMessage]) -> None:
        """Failure schedules nothing."""
        each(request, queryset, resending.resend)

    @admin.action(description="Begin dead ones anew", permissions=["resend"])
    def begin_anew(self, request: HttpRequest, queryset: QuerySet[OutboundMessage]) -> None:
        """With a new schedule of tries."""
        ids = list(queryset.values_list("pk", flat=True)[: resending.BULK_LIMIT])
        messages.success(request, f"{resending.resend_many(ids, actor_of(request))} begin anew.")

    @admin.action(description="Do not send", permissions=["resend"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[OutboundMessage]) -> None:
        """Messages that wait."""
        each(request, queryset, resending.cancel)

    @admin.action(description="Forget what they said", permissions=["resend"])
    def expunge(self, request: HttpRequest, queryset: QuerySet[OutboundMessage]) -> None:
        """That they were sent stays known."""
        each(request, queryset, resending.expunge)


@admin.register(Conversation)
class ConversationAdmin(SensitiveAdmin):
    """Talks."""

    list_display = ("id", "webhook", "task", "last_message_at", "muted_at")
    list_select_related = ("webhook", "task")
    sensitive = ("address", "name", "reply_to", "pending")
    formfield_overrides: ClassVar = {models.JSONField: {"widget": forms.Textarea}}
