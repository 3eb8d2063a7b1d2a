"""The reports app: figures of what was done, what is kept and for how long."""

from __future__ import annotations

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Registers report_generation."""

    name = "reports"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Reports"

    def ready(self) -> None:
        """Adds the executor by the door that plugins use, and the pages to the console."""
        from agency import health
        from reports import checks, console  # noqa: F401  registers the system checks
        from reports.doctor.work import due_problem
        from reports.executor import ReportGeneration
        from tasks.executors import registry

        registry.register(ReportGeneration)
        health.parts["due_work"] = due_problem
        console.register()
