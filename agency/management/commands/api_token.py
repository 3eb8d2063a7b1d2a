"""A new API token for a program."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from agency.api import tokens


class Command(BaseCommand):
    help = "Makes an API token for a user and prints it, once, as the last word."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("user", help="username of the person the program acts for")
        parser.add_argument("--scopes", default="read", help=f"some of {','.join(tokens.SCOPES)}")
        parser.add_argument("--name", default="", help="what will use it")
        parser.add_argument("--share", type=int, default=100, help="per cent of the user's rate limits it may use")
        parser.add_argument("--days", type=int, help="days until it expires; without it, it does not")

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()
        user = users.objects.filter(**{users.USERNAME_FIELD: options["user"]}).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}")
        if options["days"] is not None and not 1 <= options["days"] <= 3650:
            raise CommandError("--days must be between 1 and 3650")
        if not 1 <= options["share"] <= 100:
            raise CommandError("--share must be between 1 and 100")
        expires = timezone.now() + dt.timedelta(days=options["days"]) if options["days"] else None
        try:
            row, text = tokens.create(
                user,
                scopes=[scope.strip() for scope in options["scopes"].split(",") if scope.strip()],
                name=options["name"],
                expires_at=expires,
                share=options["share"],
            )
        except ValueError as error:
            raise CommandError(f"--scopes: {error}") from None
        until = f"until {expires:%Y-%m-%d}" if expires else "until it is revoked"
        self.stdout.write(f"Token for {user} ({', '.join(row.scopes)}), good {until}, shown only now: {text}")
