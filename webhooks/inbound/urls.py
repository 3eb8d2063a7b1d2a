"""The one address of MachineHandler, as agency/urls.py has it too: looked up without going through all the others."""

from __future__ import annotations

from django.urls import path

from webhooks.inbound import views

urlpatterns = [path("webhooks/inbound/<str:token>/", views.inbound, name="webhook-inbound")]
