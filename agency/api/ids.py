"""Ids in addresses: what fits a bigint; everything else is no address at all (404)."""

from __future__ import annotations

from django.urls import register_converter


class IdConverter:
    """`<id:task_id>`: 1 to 2^63 - 1, ASCII digits without leading zeros."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """The number. Raises ValueError (no match) beyond a bigint."""
        number = int(value)
        if number >= 2**63:
            raise ValueError(value)
        return number

    def to_url(self, value: int) -> str:
        """The digits."""
        return str(value)


register_converter(IdConverter, "id")
