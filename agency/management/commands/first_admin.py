"""The login that a new installation starts with."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import transaction


class Command(BaseCommand):
    help = "Makes the user 'admin' with a random password and prints both, unless there is a superuser already."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--name", default="admin")

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()
        with transaction.atomic():
            if (
                users.objects.filter(is_superuser=True).exists()
                or users.objects.filter(username=options["name"]).exists()
            ):
                return
            password = secrets.token_urlsafe(12)
            users.objects.create_superuser(options["name"], password=password)
        self.stdout.write(f"{options['name']} {password}")
