"""Review policies: the rules that ask people to look first, as data."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse
from pydantic import AfterValidator, Field, StringConstraints, model_validator
from rest_framework.request import Request
from rest_framework.response import Response

from agency.api.bodies import Answer, Body, PageOf, parse, parse_query
from agency.api.conditional import etag, expected_version, not_modified, tagged
from agency.api.documented import documented
from agency.api.pagination import Place, Sort, page_of
from agency.api.permissions import require_permission
from agency.api.problems import Problem
from tasks.api.base import TaskView
from tasks.api.requests import Id, PageQuery
from tasks.errors import Invalid, NotFound
from tasks.inputs import Text, check_text
from tasks.models import ReviewPolicy, Risk, TaskTemplate
from tasks.validation import FieldError

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(check_text)
]
Word = Name
Words = Annotated[list[Word], Field(max_length=100)]
Ids = Annotated[list[Id], Field(max_length=100)]
Minutes = Annotated[int | None, Field(ge=1, le=525_600)]
Level = Literal["none", "low", "medium", "high"]
LEVELS: tuple[Level, ...] = ("none", "low", "medium", "high")
Clock = Annotated[dt.time, Field(strict=False, description="Wall time in the zone, such as 09:00.")]


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin")
    return name


class PolicyIn(Body):
    """A policy: what is filled in must match, an empty part matches every task."""

    name: Name
    reason: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=300),
        AfterValidator(check_text),
        Field(description="Why a person looks first."),
    ]
    description: Annotated[Text, Field(max_length=5000)] = ""
    active: bool = True
    task_types: Words = []
    actions: Annotated[Words, Field(description="send_sms, create_opportunity, DELETE, task_summary …")] = []
    sources: Annotated[Words, Field(description="Values of sourceType.")] = []
    channels: Annotated[Ids, Field(description="Ids of channels.")] = []
    hosts: Annotated[Words, Field(description="api.example.com, or .example.com for all below.")] = []
    recipients: Annotated[Words, Field(description="A whole address or number, or @example.com.")] = []
    min_recipients: Annotated[int | None, Field(ge=1, le=10_000)] = None
    min_amount: Annotated[Decimal | None, Field(strict=False, ge=0, max_digits=14, decimal_places=2)] = None
    template_ids: Ids = []
    creator_ids: Ids = []
    only_from_text: bool = False
    risk: Level = "low"
    approvals: Annotated[int, Field(ge=1, le=10, description="So many different people.")] = 1
    four_eyes: Annotated[bool, Field(description="Neither who made the task nor who changed it last.")] = False
    reviewer_groups: Annotated[Words, Field(description="Names of groups; empty: everybody who may approve.")] = []
    sla_minutes: Minutes = None
    business_days: Annotated[
        list[Annotated[int, Field(ge=0, le=6)]], Field(max_length=7, description="0 is Monday; empty: always.")
    ] = []
    opens_at: Clock = dt.time(9)
    closes_at: Clock = dt.time(17)
    timezone: Annotated[Text, AfterValidator(_zone)] = "UTC"
    remind_after_minutes: Minutes = None
    escalate_after_minutes: Minutes = None
    escalate_to: Annotated[Word | None, Field(description="Name of a group.")] = None
    expires_after_hours: Annotated[int | None, Field(ge=1, le=8_760)] = None

    @model_validator(mode="after")
    def _open_before_closed(self) -> PolicyIn:
        if self.opens_at.tzinfo or self.closes_at.tzinfo or self.opens_at >= self.closes_at:
            raise ValueError("closesAt must lie after opensAt, both without a zone")
        return self


class PolicyOut(Answer):
    """A policy."""

    id: int
    name: str
    reason: str
    description: str
    active: bool
    built_in: bool
    task_types: list[str]
    actions: list[str]
    sources: list[str]
    channels: list[int]
    hosts: list[str]
    recipients: list[str]
    min_recipients: int | None
    min_amount: Decimal | None
    template_ids: list[int]
    creator_ids: list[int]
    only_from_text: bool
    risk: Level
    approvals: int
    four_eyes: bool
    reviewer_groups: list[str]
    sla_minutes: int | None
    business_days: list[int]
    opens_at: dt.time
    closes_at: dt.time
    timezone: str
    remind_after_minutes: int | None
    escalate_after_minutes: int | None
    escalate_to: str | None
    expires_after_hours: int | None
    created_at: dt.datetime
    updated_at: dt.datetime


class PolicyPage(PageOf[PolicyOut]):
    """A page of policies."""


#: Fields that are columns of the same name.
_PLAIN = tuple(
    name
    for name in PolicyIn.model_fields
    if name not in ("risk", "template_ids", "creator_ids", "reviewer_groups", "escalate_to")
)


def policy_out(row: ReviewPolicy) -> PolicyOut:
    """One policy; its relations were loaded with it."""
    return PolicyOut.model_construct(
        id=row.pk,
        built_in=bool(row.key),
        risk=LEVELS[row.risk],
        template_ids=sorted(template.pk for template in row.templates.all()),
        creator_ids=sorted(person.pk for person in row.creators.all()),
        reviewer_groups=sorted(group.name for group in row.reviewer_groups.all()),
        escalate_to=row.escalate_to.name if row.escalate_to else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
        **{name: getattr(row, name) for name in _PLAIN},
    )


def _rows() -> QuerySet[ReviewPolicy]:
    loaded = ReviewPolicy.objects.select_related("escalate_to")
    return loaded.prefetch_related("reviewer_groups", "templates", "creators")


def _version(row: ReviewPolicy) -> int:
    """The time of the last change in microseconds."""
    return int(row.updated_at.timestamp() * 1_000_000)


def _shown(row: ReviewPolicy, status: int = 200, **headers: str) -> Response:
    answer = Response(policy_out(row), status=status, headers=headers)
    return tagged(answer, etag(_version(row)))


def _named(names: list[str], pointer: str) -> list[Group]:
    """Groups by name. Raises Invalid."""
    found = {group.name: group for group in Group.objects.filter(name__in=names)}
    missing = [name for name in names if name not in found]
    if missing:
        raise Invalid([FieldError(f"#/{pointer}", "unknown_group", f"there is no group {missing[0]!r}")])
    return [found[name] for name in names]


def _existing(rows: QuerySet[Any], ids: list[int], pointer: str) -> list[Any]:
    """Rows by id. Raises Invalid."""
    found = list(rows.filter(pk__in=ids))
    missing = sorted(set(ids) - {row.pk for row in found})
    if missing:
        raise Invalid([FieldError(f"#/{pointer}", "unknown_id", f"{pointer} names {missing[0]}, which does not exist")])
    return found


def _save(row: ReviewPolicy, body: PolicyIn) -> ReviewPolicy:
    """Writes all of a policy. Raises Invalid, and Problem 409 for a name in use."""
    for name in _PLAIN:
        setattr(row, name, getattr(body, name))
    row.risk = Risk[body.risk.upper()]
    row.escalate_to = _named([body.escalate_to], "escalateTo")[0] if body.escalate_to else None
    groups = _named(body.reviewer_groups, "reviewerGroups")
    made_from = _existing(TaskTemplate.objects.all(), body.template_ids, "templateIds")
    creators = _existing(get_user_model().objects.all(), body.creator_ids, "creatorIds")
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        if "name" in str(error):
            raise Problem(409, "There is one with this name already", kind="conflict") from None
        raise
    row.reviewer_groups.set(groups)
    row.templates.set(made_from)
    row.creators.set(creators)
    return _rows().get(pk=row.pk)


class PolicyList(TaskView):
    """review-policies/"""

    @documented(PolicyPage, query=PageQuery)
    def get(self, request: Request) -> Response:
        """Lists the review policies, newest first."""
        require_permission(request, "tasks.view_reviewpolicy")
        query = parse_query(PageQuery, request)
        page = page_of(request, _rows(), Sort("id"), Place(query.limit, query.offset, query.cursor))
        return Response(page.answer(lambda found: [policy_out(row) for row in found]))

    @documented(PolicyOut, status=201, body=PolicyIn, has_etag=True)
    def post(self, request: Request) -> Response:
        """Makes a policy. It holds for tasks made or edited from now on, and can only add review."""
        require_permission(request, "tasks.add_reviewpolicy")
        row = _save(ReviewPolicy(), parse(PolicyIn, request.data))
        return _shown(row, 201, Location=reverse("tasks-api:review-policy", args=[row.pk]))


class PolicyItem(TaskView):
    """review-policies/{id}/"""

    @documented(PolicyOut, has_etag=True)
    def get(self, request: Request, policy_id: int) -> Response:
        """One policy."""
        require_permission(request, "tasks.view_reviewpolicy")
        row = self._row(policy_id)
        return not_modified(request, etag(_version(row))) or _shown(row)

    @documented(PolicyOut, body=PolicyIn, has_etag=True, if_match=True)
    def put(self, request: Request, policy_id: int) -> Response:
        """Writes a policy anew; a field that is absent goes back to its default."""
        require_permission(request, "tasks.change_reviewpolicy")
        body = parse(PolicyIn, request.data)
        return _shown(_save(self._locked(request, policy_id), body))

    @documented(PolicyOut, has_etag=True, if_match=True)
    def delete(self, request: Request, policy_id: int) -> Response:
        """Switches a policy off. It stays, because tasks were reviewed for its sake."""
        require_permission(request, "tasks.delete_reviewpolicy")
        row = self._locked(request, policy_id)
        row.active = False
        row.save(update_fields=["active", "updated_at"])
        return _shown(self._row(policy_id))

    @staticmethod
    def _row(policy_id: int) -> ReviewPolicy:
        row = _rows().filter(pk=policy_id).first()
        if row is None:
            raise NotFound("No such review policy")
        return row

    def _locked(self, request: Request, policy_id: int) -> ReviewPolicy:
        row = self._row(policy_id)
        ReviewPolicy.objects.select_for_update().get(pk=row.pk)
        row.refresh_from_db()
        expected = expected_version(request)
        if expected is not None and expected != _version(row):
            raise Problem(412, "It was changed since you read it", kind="stale")
        return row
