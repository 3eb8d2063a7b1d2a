"""Encrypt every stored credential with the first key of CREDENTIAL_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agency import credentials


class Command(BaseCommand):
    help = (
        "Put the new key first in CREDENTIAL_KEYS, restart, run this, then remove the old key. "
        "Credentials stay usable all the while."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = credentials.rotate()
        except credentials.CredentialError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{count} credentials encrypted with the first key")
