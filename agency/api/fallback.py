"""What /api/ answers where no view does: problem details instead of pages, 308 to the address with its slash."""

from __future__ import annotations

import sys
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import Resolver404, resolve
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from agency.api.problems import Problem, plain_answer, problem_of

#: The name of the address that stands for all that do not exist.
LOST = "api-lost"


@csrf_exempt
def no_such_address(request: HttpRequest, rest: str) -> HttpResponse:
    """404; or 308 (method and body stay) when only the slash at the end is missing."""
    path = f"{request.path_info}/"
    if not rest.endswith("/") and _exists(path):
        query = request.META.get("QUERY_STRING", "")
        answer = HttpResponsePermanentRedirect(f"{path}?{query}" if query else path)
        answer.status_code = 308
        return answer
    return plain_answer(Problem(404, f"There is nothing at {request.path[:200]}"), request)


def _exists(path: str) -> bool:
    try:
        return resolve(path).url_name != LOST
    except Resolver404:
        return False


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    if _is_api(request):
        return plain_answer(problem_of(exception) or Problem(400, "The request is not valid"), request)
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    if _is_api(request):
        return plain_answer(problem_of(exception) or Problem(403, "You may not do this"), request)
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    if _is_api(request):
        return plain_answer(Problem(404, "There is nothing here"), request)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: 503 with Retry-After when it was the database that did not answer."""
    error: Any = sys.exc_info()[1]
    known = problem_of(error) if isinstance(error, Exception) else None
    if _is_api(request):
        return plain_answer(known or Problem(500, "Something went wrong on our side"), request)
    answer: HttpResponse = defaults.server_error(request)
    if known is not None:
        answer.status_code = known.status
        for name, value in known.headers.items():
            answer[name] = value
    return answer


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
