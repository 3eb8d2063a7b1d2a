"""Words of the audit trail for readers."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def who(actor: str) -> str:
    """The name out of "user:3:ola"; other actors as they are."""
    kind, _colon, rest = actor.partition(":")
    number, colon, name = rest.partition(":")
    return name if kind == "user" and colon and number.isdecimal() else actor
