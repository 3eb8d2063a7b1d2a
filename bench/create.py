"""Makes tasks as a client process would: python -m bench.create COUNT URL [--one-by-one] [--per-second R]

Prints the seconds it took.
"""

from __future__ import annotations

import argparse
import os
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")
CHUNK = 100


def main() -> None:
    """Through the service that every door calls; in bulk unless told otherwise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("url")
    parser.add_argument("--one-by-one", action="store_true")
    parser.add_argument("--per-second", type=float, default=0.0)
    given = parser.parse_args()
    django.setup()
    from tasks import services
    from tasks.actors import Actor
    from tasks.inputs import TaskInput

    config = {"apiEndpoint": given.url, "apiMethod": "GET"}
    task = TaskInput.model_validate({"title": "Measured", "taskType": "api_call", "executionConfig": config})
    actor = Actor("bench")
    began = time.perf_counter()
    if given.one_by_one or given.per_second:
        for number in range(given.count):
            if given.per_second:
                time.sleep(max(0.0, began + number / given.per_second - time.perf_counter()))
            services.create(task, actor)
    else:
        for start in range(0, given.count, CHUNK):
            services.create_many([task] * min(CHUNK, given.count - start), actor)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
