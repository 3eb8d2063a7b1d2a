from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
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


class ConsoleConfig(admin_apps.AdminConfig):
    """Django's admin with our site."""

    default = False

    default_site = "agency.console.site.ConsoleSite"

    def ready(self) -> None:
        """After every app has registered its tables: ours of people take the place of Django's."""
        super().ready()
        from agency.console import account_admin

        account_admin.take_over()
