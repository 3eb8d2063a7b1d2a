"""The OpenAPI document on standard output."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from agency.api.document import document


class Command(BaseCommand):
    help = "Prints the OpenAPI 3.1 document: python manage.py openapi > docs/openapi.json"

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(document(), ending="")
