"""Messages that came in and messages that go out."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.bodies import parse, parse_query
from agency.api.documented import documented
from agency.api.pagination import Place, Sort, page_of
from agency.api.permissions import require_permission
from agency.api.views import ApiView
from tasks import access
from tasks.api.base import actor_of
from tasks.errors import Conflict, NotFound
from webhooks import doorbell, resending
from webhooks.api.requests import InboundQuery, OutboundQuery, ReasonBody, ResendBody
from webhooks.api.serializers import (
    InboundOut,
    InboundPage,
    OutboundDetail,
    OutboundOut,
    OutboundPage,
    ResentOut,
    inbound_out,
    outbound_detail,
    outbound_out,
)
from webhooks.audit import record
from webhooks.inbound import processing
from webhooks.models import InboundMessage, OutboundMessage

VIEW_IN, VIEW_OUT = "webhooks.view_inboundmessage", "webhooks.view_outboundmessage"
REPLAY, RESEND = "webhooks.replay_inboundmessage", "webhooks.resend_outboundmessage"


class MessageView(ApiView):
    """A view of messages: each method needs a permission of its own."""

    permission = VIEW_IN
    limits = {"POST": "replay"}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raises Problem 403."""
        super().initial(request, *args, **kwargs)
        require_permission(request, self.permission)

    def sensitive(self, request: Request) -> bool:
        """Whether the caller may read what people wrote."""
        return bool(request.user.has_perm(access.VIEW_SENSITIVE))

    def matching(self, rows: QuerySet[Any], query: InboundQuery | OutboundQuery) -> QuerySet[Any]:
        """Those rows that fit every filter."""
        wanted = {"webhook_id": query.webhook_id, "task_id": query.task_id, "state": query.state}
        return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


class InboundList(MessageView):
    """inbound-messages/"""

    @documented(InboundPage, query=InboundQuery)
    def get(self, request: Request) -> Response:
        """Lists received messages, newest first."""
        query = parse_query(InboundQuery, request)
        rows = self.matching(InboundMessage.objects.defer("raw"), query)
        page = page_of(request, rows, Sort("id"), Place(query.limit, query.offset, query.cursor))
        sensitive = self.sensitive(request)
        return Response(page.answer(lambda found: [inbound_out(row, sensitive=sensitive) for row in found]))


class InboundItem(MessageView):
    """inbound-messages/{id}/"""

    @documented(InboundOut)
    def get(self, request: Request, message_id: int) -> Response:
        """One received message."""
        return Response(inbound_out(_inbound(message_id), sensitive=self.sensitive(request)))


class Replay(MessageView):
    """inbound-messages/{id}/replay/"""

    permission = REPLAY

    @documented(InboundOut, status=202)
    def post(self, request: Request, message_id: int) -> Response:
        """Processes a message again that made no task."""
        message = _inbound(message_id)
        if not processing.replay(message_id):
            raise Conflict("Only a message that made no task and still has its body can be processed again")
        record(message.webhook_id, "message_replayed", actor_of(request), {"inbound": message_id})
        doorbell.ring_on_commit(doorbell.INBOX)
        return Response(inbound_out(_inbound(message_id), sensitive=self.sensitive(request)), 202)


class OutboundList(MessageView):
    """outbound-messages/"""

    permission = VIEW_OUT

    @documented(OutboundPage, query=OutboundQuery)
    def get(self, request: Request) -> Response:
        """Lists messages that go out, newest first."""
        query = parse_query(OutboundQuery, request)
        rows = self.matching(OutboundMessage.objects.defer("body"), query)
        page = page_of(request, rows, Sort("id"), Place(query.limit, query.offset, query.cursor))
        sensitive = self.sensitive(request)
        return Response(page.answer(lambda found: [outbound_out(row, sensitive=sensitive) for row in found]))


class OutboundItem(MessageView):
    """outbound-messages/{id}/"""

    permission = VIEW_OUT

    @documented(OutboundDetail)
    def get(self, request: Request, message_id: int) -> Response:
        """One message with its tries."""
        message = OutboundMessage.objects.filter(pk=message_id).first()
        if message is None:
            raise NotFound("No such message")
        return Response(outbound_detail(message, sensitive=self.sensitive(request)))


class OutboundAction(MessageView):
    """POST outbound-messages/{id}/VERB/"""

    permission = RESEND


class Resend(OutboundAction):
    """outbound-messages/{id}/replay/"""

    @documented(OutboundOut, status=202)
    def post(self, request: Request, message_id: int) -> Response:
        """Tries one message now, under its own id; failure schedules nothing."""
        message = resending.resend(message_id, actor_of(request))
        return Response(outbound_out(message, sensitive=self.sensitive(request)), 202)


class Cancel(OutboundAction):
    """outbound-messages/{id}/cancel/"""

    @documented(OutboundOut, body=ReasonBody)
    def post(self, request: Request, message_id: int) -> Response:
        """A message that waits is not sent any more."""
        reason = parse(ReasonBody, request.data).reason or "Cancelled"
        message = resending.cancel(message_id, actor_of(request), reason)
        return Response(outbound_out(message, sensitive=self.sensitive(request)))


class Expunge(OutboundAction):
    """outbound-messages/{id}/expunge/"""

    @documented(OutboundOut)
    def post(self, request: Request, message_id: int) -> Response:
        """Forgets what a message said."""
        message = resending.expunge(message_id, actor_of(request))
        return Response(outbound_out(message, sensitive=self.sensitive(request)))


class ResendMany(OutboundAction):
    """outbound-messages/resend/"""

    @documented(ResentOut, body=ResendBody)
    def post(self, request: Request) -> Response:
        """Dead messages of a list begin anew."""
        body = parse(ResendBody, request.data)
        return Response({"resent": resending.resend_many(body.ids, actor_of(request))})


def _inbound(message_id: int) -> InboundMessage:
    message = InboundMessage.objects.defer("raw").filter(pk=message_id).first()
    if message is None:
        raise NotFound("No such message")
    return message
