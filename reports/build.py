"""Makes a report: the one door for pages, API, tasks and exports."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from reports import rollups
from reports.document import Report
from reports.kinds.base import Kind, Wish
from reports.kinds.execution_stats import ExecutionStats
from reports.kinds.task_summary import TaskSummary
from reports.kinds.webhook_activity import WebhookActivity
from reports.period import Period
from webhooks.models import Webhook

KINDS: dict[str, type[Kind]] = {kind.type: kind for kind in (TaskSummary, ExecutionStats, WebhookActivity)}


def report(kind: str, period: Period, *, task_types: Sequence[str] = (), channels: Sequence[int] = ()) -> Report:
    """The figures of a period, exact up to this moment: what changed since the last refresh is counted first.

    Raises KeyError for a kind that does not exist.
    """
    maker = KINDS[kind]
    rollups.refresh()
    names = {str(pk): name for pk, name in Webhook.objects.values_list("pk", "name")}
    wish = Wish(period, timezone.now(), tuple(task_types), tuple(channels), names)
    with transaction.atomic():
        return maker(wish).build()
