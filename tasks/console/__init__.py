"""The pages of staff about tasks: dashboard and task page. The review queue is in tasks/review."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.urls import URLPattern, path

from agency.console import navigation, site

if TYPE_CHECKING:
    from agency.console.site import ConsoleSite


def register() -> None:
    """Tells the console of this app's pages. Called from AppConfig.ready()."""
    from tasks.console import dashboard
    from tasks.review import queue

    navigation.add(navigation.Entry("Review", "review:queue", "tasks.view_agencytask", 10, queue.badge))
    navigation.add(navigation.Entry("Tasks", "admin:tasks_agencytask_changelist", "tasks.view_agencytask", 20))
    site.add_pages(_pages)
    site.add_dashboard(dashboard.context)


def _pages(console: ConsoleSite) -> list[URLPattern]:
    from tasks.console import task_page

    def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        return path(address, console.admin_view(view), name=name)

    return [
        page("tasks/<int:task_id>/", task_page.show, "task_page"),
        page("tasks/<int:task_id>/live/", task_page.live, "task_live"),
        page("tasks/<int:task_id>/do/<slug:verb>/", task_page.act, "task_act"),
    ]
