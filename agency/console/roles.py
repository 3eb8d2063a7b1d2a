"""The groups a new installation starts with. Made once; afterwards they belong to whoever manages people."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

#: Every role may do what the one before may.
ROLES: dict[str, list[str]] = {
    "viewer": ["tasks.view_*", "webhooks.view_*", "reports.view_*"],
    "operator": [
        "tasks.add_agencytask",
        "tasks.change_agencytask",
        "tasks.execute_task",
        "tasks.replay_task",
        "tasks.add_tasktemplate",
        "tasks.change_tasktemplate",
        "tasks.add_taskschedule",
        "tasks.change_taskschedule",
        "agency.view_credential",
        "agency.view_apitoken",
        "agency.add_apitoken",
        "agency.change_apitoken",
        "reports.add_*",
        "webhooks.replay_*",
    ],
    "reviewer": ["tasks.approve_task", "tasks.view_sensitive"],
    "manager": [
        "tasks.*",
        "webhooks.*",
        "reports.*",
        "agency.*",
        "auth.*",
        "axes.view_*",
        "axes.delete_accessattempt",
        "otp_totp.view_*",
        "otp_totp.delete_totpdevice",
        "otp_static.view_staticdevice",
        "otp_static.delete_staticdevice",
    ],
}
ORDER = list(ROLES)
#: Given by name only: what it shows was not written for every eye.
SENSITIVE = "view_sensitive"


def make_roles(**_: Any) -> None:
    """Creates the groups that do not exist yet. Receiver of post_migrate, after all permissions were made."""
    for number, name in enumerate(ORDER):
        group, made = Group.objects.get_or_create(name=name)
        if made:
            patterns = [pattern for role in ORDER[: number + 1] for pattern in ROLES[role]]
            group.permissions.set(Permission.objects.filter(_matching(patterns)))


def _matching(patterns: list[str]) -> Q:
    wanted = Q(pk__in=[])
    for pattern in patterns:
        app, _dot, codename = pattern.partition(".")
        part = Q(content_type__app_label=app)
        if codename.endswith("*"):
            part &= Q(codename__startswith=codename[:-1]) & ~Q(codename=SENSITIVE)
        else:
            part &= Q(codename=codename)
        wanted |= part
    return wanted


def last_app() -> Any:
    """The app whose post_migrate comes last: by then every permission exists."""
    return list(apps.get_app_configs())[-1]
