"""Channels, their keys and their senders."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.bodies import parse, parse_query
from agency.api.documented import documented
from agency.api.pagination import Place, Sort, page_of
from agency.api.permissions import require_permission
from agency.api.problems import Problem
from agency.api.views import ApiView
from tasks.api.base import actor_of
from tasks.api.requests import LimitQuery
from tasks.errors import NotFound
from webhooks import channels, keys, resending
from webhooks.api.requests import ChannelChanges, ChannelQuery, DisableBody, KeyBody, SenderBody, SinceBody
from webhooks.api.serializers import (
    ChannelEventList,
    ChannelMade,
    ChannelOut,
    ChannelPage,
    KeyList,
    KeyMade,
    ResentOut,
    SenderList,
    SenderOut,
    channel_made,
    channel_out,
    channels_out,
    event_out,
    key_made,
    key_out,
    sender_out,
)
from webhooks.models import ChannelEvent, ChannelKey, ChannelSender, Webhook

VIEW, MANAGE = "webhooks.view_webhook", "webhooks.manage_channels"
RESEND = "webhooks.resend_outboundmessage"
EXAMPLES = {
    "A program of your own": {"name": "Shop", "type": "custom_webhook", "url": "https://shop.example.com/hook"},
    "A Twilio number": {
        "name": "Text messages",
        "type": "sms",
        "account": "AC00000000000000000000000000000000",
        "config": {"accountSid": "AC00000000000000000000000000000000", "fromNumber": "+15559990000"},
        "inboundSecret": "the account's auth token",
        "outboundSecret": "the account's auth token",
        "ownerAddress": "+14155552671",
    },
}


class ChannelView(ApiView):
    """A view of channels: reading needs one permission, changing another and a token with the scope admin."""

    scopes = {"POST": "admin", "PATCH": "admin", "DELETE": "admin"}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raises Problem 403."""
        super().initial(request, *args, **kwargs)
        reads = request.method in ("GET", "HEAD", "OPTIONS")
        if not (reads and request.user.has_perm(MANAGE)):
            require_permission(request, VIEW if reads else MANAGE)

    def find(self, channel_id: int) -> Webhook:
        """The channel. Raises NotFound."""
        channel = Webhook.objects.filter(pk=channel_id).first()
        if channel is None:
            raise NotFound("No such channel")
        return channel


class ChannelList(ChannelView):
    """webhooks/"""

    @documented(ChannelPage, query=ChannelQuery)
    def get(self, request: Request) -> Response:
        """Lists channels, newest first."""
        query = parse_query(ChannelQuery, request)
        wanted = {"type": query.type, "is_active": query.is_active}
        rows = Webhook.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
        page = page_of(request, rows, Sort("id"), Place(query.limit, query.offset, query.cursor))
        return Response(page.answer(channels_out))

    @documented(ChannelMade, status=201, body=channels.ChannelInput, examples=EXAMPLES)
    def post(self, request: Request) -> Response:
        """Creates a channel. Secrets that were made for it are in the answer, this once."""
        made = channels.create(channels.parse_channel(request.data), actor_of(request))
        made.channel.refresh_from_db()
        location = reverse("api:channel", args=[made.channel.pk])
        return Response(channel_made(made.channel, made.secrets), 201, headers={"Location": location})


class ChannelItem(ChannelView):
    """webhooks/{id}/"""

    @documented(ChannelOut)
    def get(self, request: Request, channel_id: int) -> Response:
        """One channel."""
        return Response(channel_out(self.find(channel_id)))

    @documented(ChannelOut, body=ChannelChanges)
    def patch(self, request: Request, channel_id: int) -> Response:
        """Changes a channel."""
        if not isinstance(request.data, dict):
            raise Problem(422, "The body must be a JSON object", kind="invalid")
        channels.change(channel_id, request.data, actor_of(request))
        return Response(channel_out(self.find(channel_id)))

    @documented(status=204)
    def delete(self, request: Request, channel_id: int) -> Response:
        """Removes a channel nothing was sent through."""
        channels.delete(channel_id, actor_of(request))
        return Response(status=204)


class Disable(ChannelView):
    """webhooks/{id}/disable/"""

    @documented(ChannelOut, body=DisableBody)
    def post(self, request: Request, channel_id: int) -> Response:
        """Switches a channel off; what waits to go out is held."""
        body = parse(DisableBody, request.data)
        return Response(channel_out(channels.disable(channel_id, actor_of(request), body.reason)))


class Enable(ChannelView):
    """webhooks/{id}/enable/"""

    @documented(ChannelOut)
    def post(self, request: Request, channel_id: int) -> Response:
        """Switches a channel on again; what was held for it goes out."""
        return Response(channel_out(channels.enable(channel_id, actor_of(request))))


class ResendSince(ChannelView):
    """webhooks/{id}/resend/"""

    scopes = {"POST": "write"}
    limits = {"POST": "replay"}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Resending needs its own permission only."""
        ApiView.initial(self, request, *args, **kwargs)
        require_permission(request, RESEND)

    @documented(ResentOut, body=SinceBody)
    def post(self, request: Request, channel_id: int) -> Response:
        """Dead messages of a channel since a time begin anew, at most 1,000 per call."""
        body = parse(SinceBody, request.data)
        self.find(channel_id)
        return Response({"resent": resending.resend_since(channel_id, body.since, actor_of(request))})


class Keys(ChannelView):
    """webhooks/{id}/keys/"""

    @documented(KeyList)
    def get(self, request: Request, channel_id: int) -> Response:
        """The live keys of a channel, by their hints."""
        rows = ChannelKey.objects.filter(webhook=self.find(channel_id), revoked_at__isnull=True)
        return Response([key_out(key) for key in rows.select_related("credential").order_by("-id")])

    @documented(KeyMade, status=201, body=KeyBody)
    def post(self, request: Request, channel_id: int) -> Response:
        """Rotates a key; the old one stays live for the grace time. The secret is in the answer, this once."""
        body = parse(KeyBody, request.data)
        grace = dt.timedelta(hours=body.grace_hours)
        channel = self.find(channel_id)
        key, secret = keys.rotate(channel, body.purpose, actor_of(request), secret=body.secret, grace=grace)
        key.refresh_from_db()
        return Response(key_made(key, "" if body.secret else secret), 201)


class KeyItem(ChannelView):
    """webhooks/{id}/keys/{key_id}/"""

    @documented(status=204)
    def delete(self, request: Request, channel_id: int, key_id: int) -> Response:
        """Revokes a key now."""
        key = ChannelKey.objects.filter(webhook=self.find(channel_id), pk=key_id).select_related("credential").first()
        if key is None:
            raise NotFound("No such key")
        keys.revoke(key, actor_of(request))
        return Response(status=204)


class Senders(ChannelView):
    """webhooks/{id}/senders/"""

    @documented(SenderList)
    def get(self, request: Request, channel_id: int) -> Response:
        """Who is known on a channel."""
        return Response([sender_out(row) for row in self.find(channel_id).senders.order_by("id")[:1000]])

    @documented(SenderOut, status=201, body=SenderBody)
    def post(self, request: Request, channel_id: int) -> Response:
        """Makes somebody known on a channel."""
        body = parse(SenderBody, request.data)
        sender = channels.know_sender(
            self.find(channel_id),
            body.address,
            actor_of(request),
            name=body.name,
            user_id=body.user_id,
            may_command=body.may_command,
        )
        return Response(sender_out(sender), 201)


class SenderItem(ChannelView):
    """webhooks/{id}/senders/{sender_id}/"""

    @documented(status=204)
    def delete(self, request: Request, channel_id: int, sender_id: int) -> Response:
        """A sender is a stranger again."""
        sender = ChannelSender.objects.filter(webhook=self.find(channel_id), pk=sender_id).first()
        if sender is None:
            raise NotFound("No such sender")
        channels.forget_sender(sender, actor_of(request))
        return Response(status=204)


class ChannelEvents(ChannelView):
    """webhooks/{id}/events/"""

    @documented(ChannelEventList, query=LimitQuery)
    def get(self, request: Request, channel_id: int) -> Response:
        """The history of a channel, newest first."""
        query = parse_query(LimitQuery, request)
        self.find(channel_id)
        rows = ChannelEvent.objects.filter(webhook_id=channel_id).order_by("-id")[: query.limit]
        return Response([event_out(row) for row in rows])
