"""The addresses of channels and messages below /api/v1/."""

from __future__ import annotations

from django.urls import path

from agency.api import ids
from webhooks.api import messages, views

__all__ = ["app_name", "ids", "urlpatterns"]  # ids is imported for what it registers

app_name = "api"

urlpatterns = [
    path("webhooks/", views.ChannelList.as_view(), name="channels"),
    path("webhooks/<id:channel_id>/", views.ChannelItem.as_view(), name="channel"),
    path("webhooks/<id:channel_id>/disable/", views.Disable.as_view(), name="channel-disable"),
    path("webhooks/<id:channel_id>/enable/", views.Enable.as_view(), name="channel-enable"),
    path("webhooks/<id:channel_id>/resend/", views.ResendSince.as_view(), name="channel-resend"),
    path("webhooks/<id:channel_id>/keys/", views.Keys.as_view(), name="channel-keys"),
    path("webhooks/<id:channel_id>/keys/<id:key_id>/", views.KeyItem.as_view(), name="channel-key"),
    path("webhooks/<id:channel_id>/senders/", views.Senders.as_view(), name="channel-senders"),
    path("webhooks/<id:channel_id>/senders/<id:sender_id>/", views.SenderItem.as_view(), name="channel-sender"),
    path("webhooks/<id:channel_id>/events/", views.ChannelEvents.as_view(), name="channel-events"),
    path("inbound-messages/", messages.InboundList.as_view(), name="inbound-messages"),
    path("inbound-messages/<id:message_id>/", messages.InboundItem.as_view(), name="inbound-message"),
    path("inbound-messages/<id:message_id>/replay/", messages.Replay.as_view(), name="inbound-replay"),
    path("outbound-messages/", messages.OutboundList.as_view(), name="outbound-messages"),
    path("outbound-messages/resend/", messages.ResendMany.as_view(), name="outbound-resend"),
    path("outbound-messages/<id:message_id>/", messages.OutboundItem.as_view(), name="outbound-message"),
    path("outbound-messages/<id:message_id>/replay/", messages.Resend.as_view(), name="outbound-replay"),
    path("outbound-messages/<id:message_id>/cancel/", messages.Cancel.as_view(), name="outbound-cancel"),
    path("outbound-messages/<id:message_id>/expunge/", messages.Expunge.as_view(), name="outbound-expunge"),
]
