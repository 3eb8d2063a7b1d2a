#!/usr/bin/env python
"""Django's command line for Agency."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as missing:
        raise SystemExit(
            "Django is not installed for this Python. Run `make venv` once, then `.venv/bin/python manage.py …`."
        ) from missing
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
