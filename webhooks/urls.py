"""Addresses of the inbox."""

from __future__ import annotations

from django.urls import path

from webhooks.inbound import views

urlpatterns = [path("inbound/<str:token>/", views.inbound, name="webhook-inbound")]
