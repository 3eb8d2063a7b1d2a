"""`manage.py doctor`: looks at everything and says what to do."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand

from reports.doctor.finding import Finding, Level
from reports.doctor.rounds import examine

SIGNS = {Level.GOOD: "ok  ", Level.NOTE: "note", Level.BAD: "BAD "}


class Command(BaseCommand):
    help = (
        "Examines settings, keys, services, clocks, migrations, workers, messages and the invariants, and says what to "
        "do. Exit code 0: nothing must be mended; 1: something must; with --strict also for notes."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object for programs")
        parser.add_argument("--strict", action="store_true", help="notes count as well")

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(examine())
        sick = {Level.BAD, Level.NOTE} if options["strict"] else {Level.BAD}
        healthy = not any(finding.level in sick for finding in found)
        if options["json"]:
            self.stdout.write(json.dumps({"healthy": healthy, "findings": [one.as_json() for one in found]}, indent=2))
        else:
            self._print(found)
        if not healthy:
            sys.exit(1)

    def _print(self, found: list[Finding]) -> None:
        width = max(len(finding.about) for finding in found)
        for finding in found:
            self.stdout.write(f"{SIGNS[finding.level]}  {finding.about:<{width}}  {finding.found}")
            if finding.do:
                self.stdout.write(f"      {'':<{width}}  → {finding.do}")
        counts = {level: sum(finding.level is level for finding in found) for level in Level}
        bad, noted = counts[Level.BAD], counts[Level.NOTE]
        self.stdout.write(f"\n{len(found)} things looked at: {bad} to mend, {noted} to know of.")
