"""Where the pages of staff find the reports."""

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
    navigation.add(navigation.Entry("Reports", "admin:reports", "reports.view_rollup", 40))
    site.add_pages(_pages)


def _pages(console: ConsoleSite) -> list[URLPattern]:
    from reports import views

    def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        return path(address, console.admin_view(view), name=name)

    return [
        page("report/", views.show, "reports"),
        page("report/file/", views.download, "report_file"),
        page("report/schedule/", views.schedule, "report_schedule"),
    ]
