"""What awaits a decision: one queryset for the badge, the list and the API, so that all three show the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BooleanField, Exists, F, OuterRef, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from tasks import search
from tasks.models import AgencyTask, Approval, Priority, Risk
from tasks.states import Review, Status

#: Rows shown at once, and the most that "show more" reaches.
PAGE, MOST = 50, 500
#: The badge counts no further.
BADGE_LIMIT = 100
#: Risk first, then what is due first, then priority, then age.
ORDER = ("-review_risk", F("review_due_at").asc(nulls_last=True), "-priority", "id")


def waiting() -> QuerySet[AgencyTask]:
    """Tasks that a person must decide about now."""
    return AgencyTask.objects.filter(status=Status.PENDING, review=Review.REQUIRED)


def badge(request: HttpRequest) -> str:
    """How many wait, for the navigation: at most "99+"."""
    count = len(waiting().order_by().values_list("pk", flat=True)[:BADGE_LIMIT])
    return "" if not count else str(count) if count < BADGE_LIMIT else f"{BADGE_LIMIT - 1}+"


@dataclass(frozen=True)
class Filters:
    """What the address of the queue says; a value that is not understood filters nothing."""

    search: str = ""
    type: str = ""
    risk: int | None = None
    priority: int | None = None
    source: str = ""
    view: str = "all"
    limit: int = PAGE
    others: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, query: QueryDict) -> Filters:
        """From the query string."""
        return cls(
            search=query.get("q", "").replace("\x00", "")[:200].strip(),
            type=query.get("type", "")[:100],
            risk=_number(query.get("risk", ""), Risk.values),
            priority=_number(query.get("priority", ""), Priority.values),
            source=query.get("source", "")[:20],
            view=query.get("view", "all")[:20],
            limit=min(MOST, max(PAGE, _number(query.get("limit", "")) or PAGE)),
        )

    def rows(self, user: Any) -> QuerySet[AgencyTask]:
        """The queue, filtered and in order."""
        rows = _view(self.view, user)
        if self.search:
            rows = rows.filter(search.matching(self.search))
        for name, value in (("task_type", self.type), ("source_type", self.source)):
            rows = rows.filter(**{name: value}) if value and "\x00" not in value else rows
        if self.risk is not None:
            rows = rows.filter(review_risk=self.risk)
        if self.priority is not None:
            rows = rows.filter(priority=self.priority)
        return rows.order_by(*ORDER)


def _number(text: str, allowed: list[int] | None = None) -> int | None:
    if not text.isdecimal() or not text.isascii() or len(text) > 6:
        return None
    return int(text) if allowed is None or int(text) in allowed else None


def _view(name: str, user: Any) -> QuerySet[AgencyTask]:
    """The saved views of the queue."""
    now = timezone.now()
    if name == "later":
        return AgencyTask.objects.filter(status=Status.DEFERRED, review=Review.REQUIRED)
    rows = waiting()
    if name == "overdue":
        return rows.filter(review_due_at__lt=now)
    if name == "today":
        return rows.filter(review_due_at__lt=now + dt.timedelta(days=1))
    if name == "high":
        return rows.filter(review_risk__gte=Risk.HIGH)
    if name == "claimed":
        return rows.filter(review_claim__user=user, review_claim__until__gt=now)
    if name == "mine":
        return _decidable(rows, user)
    return rows


#: Every list of groups that the policies named must hold one of the reader's.
_IN_MY_GROUPS = """NOT EXISTS (
  SELECT 1 FROM jsonb_array_elements(coalesce(agency_tasks.review_plan->'groups', '[]')) wanted
  WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements_text(wanted) one WHERE one::bigint = ANY(%s::bigint[])))"""


def _decidable(rows: QuerySet[AgencyTask], user: Any) -> QuerySet[AgencyTask]:
    """Those that this person may approve now: what decisions.may_decide says of one, as a filter."""
    for made in ({"created_by": user}, {"last_edited_by": user}, {"review_plan__contains": {"authors": [user.pk]}}):
        rows = rows.exclude(four_eyes=True, **made)
    mine = Approval.objects.filter(
        task=OuterRef("pk"), digest=OuterRef("config_digest"), user=user, voided_at__isnull=True
    )
    groups = list(user.groups.values_list("pk", flat=True))
    return rows.filter(~Exists(mine), RawSQL(_IN_MY_GROUPS, [groups], output_field=BooleanField()))  # noqa: S611 our own words
