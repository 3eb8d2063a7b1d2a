"""Everything between new code and a product that can start, in one process."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Migrates; with --static also collects static files; with --admin also makes the first login and prints it."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--static", action="store_true")
        parser.add_argument("--admin", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        if options["static"] and settings.STATIC_COLLECTED:
            call_command("collectstatic", interactive=False, verbosity=0)
        if options["admin"]:
            call_command("first_admin", stdout=self.stdout)
