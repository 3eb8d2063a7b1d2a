from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core.checks import CheckMessage, Tags, register
from django.db.models.signals import post_migrate


class AgencyConfig(AppConfig):
    default = True
    name = "agency"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Agency"

    def ready(self) -> None:
        from agency import checks, observability  # noqa: F401  registers the system checks
        from agency.console import accounts, navigation, roles  # noqa: F401  accounts hears of logins
        from agency.console import checks as console_checks  # noqa: F401  registers more

        observability.start()
        navigation.add(navigation.Entry("Dashboard", "admin:index", order=0))
        post_migrate.connect(roles.make_roles, sender=roles.last_app(), dispatch_uid="agency.roles")


class ConsoleConfig(admin_apps.SimpleAdminConfig):
    """Django's admin with our site. Its pages are loaded with the addresses (agency/urls.py): workers and beat, which
    serve none, stay 18 MB smaller each."""

    default = False

    default_site = "agency.console.site.ConsoleSite"

    def ready(self) -> None:
        """The checks of the admin, over pages that are loaded."""
        register(check_dependencies, Tags.admin)
        register(_check_pages, Tags.admin)


def _check_pages(app_configs: Any, **options: Any) -> list[CheckMessage]:
    import agency.urls  # noqa: F401

    return check_admin_app(app_configs, **options)
