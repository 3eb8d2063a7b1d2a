"""Sends the work of the bare queues: python -m bench.send celery|huey COUNT URL"""

from __future__ import annotations

import sys


def main() -> None:
    """One message a task, as their users send them."""
    kind, count, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if kind == "celery":
        from bench.bare_celery import call

        for number in range(count):
            call.delay(number, url)
    else:
        from bench import bare_huey

        for number in range(count):
            bare_huey.call(number, url)


if __name__ == "__main__":
    main()
