"""The tasks app: the life of a task, its executors, its review and its API."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TasksConfig(AppConfig):
    """Registers the built-in executors and the plugins."""

    name = "tasks"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Tasks"

    def ready(self) -> None:
        """Fills the executor registry, and tells /healthz how to ask for workers."""
        from agency import health as product_health
        from tasks import health
        from tasks.executors import builtin, registry

        builtin.register_all()
        registry.load_plugins()
        product_health.parts["workers"] = health.workers_problem
        self._review()

    def _review(self) -> None:
        """The built-in policies, and the pages of staff."""
        from tasks.console import register
        from tasks.review import builtin

        post_migrate.connect(builtin.make, sender=self, dispatch_uid="tasks.review.builtin")
        register()
