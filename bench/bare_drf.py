"""The least a Django REST framework view can do with a task: parse JSON, one INSERT, answer 201. No login, no checks."""

from __future__ import annotations

import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import path

TABLE = "CREATE TABLE IF NOT EXISTS bare_tasks (id bigserial PRIMARY KEY, title text, kind text, config jsonb)"


def make() -> WSGIHandler:
    """The application, with the product's way of holding connections."""
    import environ

    database = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    options = {**database.get("OPTIONS", {}), "pool": {"min_size": 1, "max_size": 20, "timeout": 10}}
    settings.configure(
        SECRET_KEY="bench",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # it sets Content-Length; gunicorn sends chunks else
        INSTALLED_APPS=["rest_framework"],
        USE_TZ=True,
        DATABASES={"default": {**database, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}},
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [],
            "DEFAULT_PERMISSION_CLASSES": [],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            "UNAUTHENTICATED_USER": None,
        },
    )
    django.setup()
    urlpatterns.append(path("tasks/", _view()))
    return WSGIHandler()


def _view() -> object:
    from django.db import models
    from rest_framework import generics, serializers

    class BareTask(models.Model):
        title = models.TextField()
        kind = models.TextField()
        config = models.JSONField()

        class Meta:
            app_label = "bench"
            db_table = "bare_tasks"
            managed = False

        def __str__(self) -> str:
            return self.title

    class BareSerializer(serializers.ModelSerializer):
        class Meta:
            model = BareTask
            fields = ("id", "title", "kind", "config")

    class Create(generics.CreateAPIView):
        queryset = BareTask.objects.all()
        serializer_class = BareSerializer

    return Create.as_view()


urlpatterns: list[object] = []
application = make() if os.environ.get("BENCH_BARE_DRF") else None
