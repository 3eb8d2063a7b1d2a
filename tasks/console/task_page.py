from __future__ import annotations

from django.http import HttpRequest, HttpResponse


def show(request: HttpRequest, task_id: int) -> HttpResponse:
    return HttpResponse(str(task_id))


live = show


def act(request: HttpRequest, task_id: int, verb: str) -> HttpResponse:
    return HttpResponse(str(task_id))
