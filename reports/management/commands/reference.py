"""`manage.py reference`: writes docs/reference/ from the code."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from reports.reference.pages import written


class Command(BaseCommand):
    help = "Writes docs/reference/: settings, states, task types, API, metrics and commands, each from the code."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is not current")

    def handle(self, *args: Any, **options: Any) -> None:
        stale = [path for path, text in written().items() if not path.is_file() or path.read_text() != text]
        for path in stale:
            if not options["check"]:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(written()[path])
            self.stdout.write(f"{'not current' if options['check'] else 'written'}: {path}")
        if options["check"] and stale:
            sys.exit(1)
