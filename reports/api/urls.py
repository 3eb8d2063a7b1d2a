"""The addresses of reports below /api/v1/."""

from __future__ import annotations

from django.urls import path

from reports.api import views

app_name = "reports-api"

urlpatterns = [
    path("reports/", views.Kinds.as_view(), name="reports"),
    path("reports/<slug:report_type>/", views.Figures.as_view(), name="report"),
]
