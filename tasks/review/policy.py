"""Whether a person must look first, who, how many and until when. Rules may only add review, never take it away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from tasks.executors.base import Effect, Executor
from tasks.models import AgencyTask, ReviewPolicy, Risk
from tasks.review import content
from tasks.review.clock import Hours
from tasks.review.content import Content

FREE_TEXT = "from_text"
"""The key of the built-in policy about tasks understood from free text."""


@dataclass(frozen=True)
class Requirement:
    """What must happen before a task may run; no reasons means that nobody needs to look."""

    reasons: list[str] = field(default_factory=list)
    approvals: int = 1
    four_eyes: bool = False
    #: Every inner list names groups of which the reviewer must be in at least one.
    groups: list[list[int]] = field(default_factory=list)
    risk: int = Risk.NONE
    policies: list[str] = field(default_factory=list)
    due_at: dt.datetime | None = None
    remind_at: dt.datetime | None = None
    escalate_at: dt.datetime | None = None
    escalate_to: list[int] = field(default_factory=list)
    expires_at: dt.datetime | None = None
    #: Understood from free text: still so when somebody edits it.
    from_text: bool = False
    #: People who wrote what it does without making it: of its template or schedule, or the sender of its message.
    authors: list[int] = field(default_factory=list)

    @property
    def required(self) -> bool:
        """A person must decide."""
        return bool(self.reasons)

    def columns(self) -> dict[str, Any]:
        """The columns of the task that keep this, besides reasons, quorum and four eyes."""
        plan = {
            "groups": self.groups,
            "policies": self.policies,
            "remindAt": _iso(self.remind_at),
            "escalateAt": _iso(self.escalate_at),
            "escalateTo": self.escalate_to,
            **({"fromText": True} if self.from_text else {}),
            **({"authors": self.authors} if self.authors else {}),
        }
        return {
            "review_plan": plan if self.required else {},
            "review_risk": int(self.risk),
            "review_due_at": self.due_at if self.required else None,
            "review_expires_at": self.expires_at if self.required else None,
        }


def _iso(value: dt.datetime | None) -> str | None:
    return value.isoformat() if value else None


def active() -> list[ReviewPolicy]:
    """The policies in force, in one query: load them once for many tasks."""
    return list(ReviewPolicy.objects.raw(_active_query()))


@cache
def _active_query() -> str:
    """Every task that is made asks this: plain SQL costs a fifth of what the ORM needs to put the same together."""
    parts = []
    for name in ("reviewer_groups", "templates", "creators"):
        field: Any = ReviewPolicy._meta.get_field(name)
        table = field.remote_field.through._meta.db_table
        own, other = field.m2m_column_name(), field.m2m_reverse_name()
        parts.append(f"ARRAY(SELECT x.{other} FROM {table} x WHERE x.{own} = p.id) AS {name}_ids")  # noqa: S608 our own names
    return f"SELECT p.*, {', '.join(parts)} FROM {ReviewPolicy._meta.db_table} p WHERE p.active ORDER BY p.id"  # noqa: S608


def assess(
    fields: dict[str, Any],
    executor: Executor[Any],
    config: Any,
    *,
    asked: bool,
    from_text: bool = False,
    text_trusted: bool = False,
    rules: Sequence[ReviewPolicy] | None = None,
) -> Requirement:
    """The review a task needs. `fields` are the task's columns; `asked` is what its creator said.

    `rules` saves the query when many tasks are assessed. `from_text`: it was understood from free text; the built-in
    policy about that gives way where the channel trusts its texts (`text_trusted`), the policies people made do not.
    """
    reasons = list(executor.review_reasons(config))
    plan = fields.get("review_plan") or {}
    from_text = from_text or bool(plan.get("fromText"))
    if asked:
        reasons.insert(0, "Its creator asks for a review")
    about = content.of(fields["execution_config"], str(fields.get("target") or ""))
    standing = active() if rules is None else rules
    matching = [
        rule
        for rule in standing
        if matches(rule, fields, about, from_text) and not (text_trusted and rule.key == FREE_TEXT)
    ]
    reasons += [rule.reason for rule in matching if rule.reason not in reasons]
    risk = Risk.NONE if executor.effect(config) == Effect.READ else Risk.LOW
    need = Requirement(reasons=reasons, risk=risk, four_eyes=settings.REVIEW_FOUR_EYES, from_text=from_text)
    need = replace(need, authors=list(plan.get("authors") or []))
    return _with_clocks(_demands(need, matching), matching, fields)


def with_reasons(need: Requirement, reasons: list[str]) -> Requirement:
    """The same requirement with further reasons."""
    more = [reason for reason in reasons if reason not in need.reasons]
    return replace(need, reasons=[*need.reasons, *more])


def again(need: Requirement, task: AgencyTask) -> Requirement:
    """The requirement of a task that is reviewed anew: never less than was asked before."""
    plan = task.review_plan
    if need.due_at is None:
        need = _default_clocks(need, timezone.now())
    return replace(
        with_reasons(replace(need, reasons=list(task.review_reasons)), need.reasons),
        approvals=max(need.approvals, task.approvals_required),
        four_eyes=need.four_eyes or task.four_eyes,
        groups=_joined(plan.get("groups"), need.groups),
        risk=max(need.risk, task.review_risk),
        policies=_joined(plan.get("policies"), need.policies),
        escalate_to=_joined(plan.get("escalateTo"), need.escalate_to),
        from_text=need.from_text or bool(plan.get("fromText")),
        authors=_joined(plan.get("authors"), need.authors),
    )


def _joined(before: list[Any] | None, now: list[Any]) -> list[Any]:
    return [*(before or []), *(one for one in now if one not in (before or []))]


# --- matching -----------------------------------------------------------------------------------------------------


def matches(rule: ReviewPolicy, fields: dict[str, Any], about: Content, from_text: bool) -> bool:
    """Every part of the rule that is filled in agrees with the task."""
    wanted: list[tuple[Any, bool]] = [
        (rule.task_types, fields["task_type"] in rule.task_types),
        (rule.actions, about.action in _lower(rule.actions)),
        (rule.sources, fields.get("source_type", "manual") in rule.sources),
        (rule.channels, fields.get("source_webhook_id") in rule.channels),
        (rule.templates_ids, fields.get("template_id") in rule.templates_ids),  # type: ignore[attr-defined]
        (rule.creators_ids, fields.get("created_by_id") in rule.creators_ids),  # type: ignore[attr-defined]
        (rule.hosts, any(_is_host(host, rule.hosts) for host in about.hosts)),
        (rule.recipients, any(_is_recipient(who, rule.recipients) for who in about.recipients)),
        (rule.min_recipients is not None, len(about.recipients) >= (rule.min_recipients or 0)),
        (rule.min_amount is not None, (about.amount or Decimal(-1)) >= (rule.min_amount or Decimal(0))),
        (rule.only_from_text, from_text),
    ]
    return all(agrees for given, agrees in wanted if given)


def _lower(words: Sequence[str]) -> list[str]:
    return [word.strip().lower() for word in words]


def _is_host(host: str, patterns: Sequence[str]) -> bool:
    return any(host == name or (name.startswith(".") and host.endswith(name)) for name in _lower(patterns))


def _is_recipient(who: str, patterns: Sequence[str]) -> bool:
    return any(who == word or (word.startswith("@") and who.endswith(word)) for word in _lower(patterns))


# --- demands ------------------------------------------------------------------------------------------------------


def _demands(need: Requirement, matching: Sequence[ReviewPolicy]) -> Requirement:
    """The strictest of what the matching policies ask."""
    return replace(
        need,
        approvals=max([need.approvals, *(rule.approvals for rule in matching)]),
        four_eyes=need.four_eyes or any(rule.four_eyes for rule in matching),
        groups=[sorted(rule.reviewer_groups_ids) for rule in matching if rule.reviewer_groups_ids],  # type: ignore[attr-defined]
        risk=max([need.risk, *(rule.risk for rule in matching)]),
        policies=[rule.name for rule in matching],
        escalate_to=sorted({rule.escalate_to_id for rule in matching if rule.escalate_to_id}),
    )


def _with_clocks(need: Requirement, matching: Sequence[ReviewPolicy], fields: dict[str, Any]) -> Requirement:
    """The earliest of every clock; a decision is due before the task is."""
    now = timezone.now()
    need = _default_clocks(need, now)
    dues = [_hours(rule).after(now, rule.sla_minutes) for rule in matching if rule.sla_minutes]
    planned = fields.get("scheduled_for")
    if planned is not None and planned > now:
        dues.append(planned)
    reminds = [_hours(rule).after(now, rule.remind_after_minutes) for rule in matching if rule.remind_after_minutes]
    escalates = [
        _hours(rule).after(now, rule.escalate_after_minutes) for rule in matching if rule.escalate_after_minutes
    ]
    expiries = [now + dt.timedelta(hours=rule.expires_after_hours) for rule in matching if rule.expires_after_hours]
    return replace(
        need,
        due_at=min(dues) if dues else need.due_at,
        remind_at=min(reminds, default=None),
        escalate_at=min(escalates, default=None),
        expires_at=min(expiries) if expiries else need.expires_at,
    )


def _default_clocks(need: Requirement, now: dt.datetime) -> Requirement:
    return replace(
        need,
        due_at=now + dt.timedelta(minutes=settings.REVIEW_SLA_MINUTES),
        expires_at=now + dt.timedelta(hours=settings.REVIEW_EXPIRES_HOURS),
    )


def _hours(rule: ReviewPolicy) -> Hours:
    return Hours(rule.business_days, rule.opens_at, rule.closes_at, ZoneInfo(rule.timezone))
