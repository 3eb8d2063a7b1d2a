from __future__ import annotations

from django.apps import AppConfig


class AgencyConfig(AppConfig):
    name = "agency"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Agency"

    def ready(self) -> None:
        from agency import checks  # noqa: F401  registers the system checks
