"""Addresses of the review queue, below /review/."""

from __future__ import annotations

from django.urls import path

from tasks.review import acts, views

app_name = "review"
urlpatterns = [
    path("", views.queue_page, name="queue"),
    path("list/", views.queue_list, name="list"),
    path("bulk/", acts.bulk, name="bulk"),
    path("link/<str:token>/", views.link, name="link"),
    path("<int:task_id>/", views.task, name="task"),
    path("<int:task_id>/<slug:verb>/", acts.act, name="act"),
]
