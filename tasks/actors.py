"""Who does something to a task: the words that the audit trail keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


@dataclass(frozen=True)
class Actor:
    """A person, a program acting for one, a channel or a part of the system.

    `door` is the way they came in: admin, queue, api, bulk, channel, link, command or system.
    """

    label: str
    user_id: int | None = None
    door: str = "system"
    person: AbstractBaseUser | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        """The audit form; the trigger reads the user's id out of it."""
        return (f"user:{self.user_id}:{self.label}" if self.user_id else self.label)[:200]

    @classmethod
    def user(cls, user: AbstractBaseUser, door: str) -> Actor:
        """A logged-in person, or the owner of a token."""
        return cls(label=user.get_username(), user_id=user.pk, door=door, person=user)


SYSTEM = Actor("system")
