"""What services refuse, in words that every door can show."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.validation import FieldError, first_sentence


class TaskError(Exception):
    """Base of what a service refuses. `str()` is one plain sentence."""


class Invalid(TaskError):
    """The request is wrong; `errors` name each field and what was expected."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__(first_sentence(self.errors))


class NotFound(TaskError):
    """No such task, or not this person's."""


class Conflict(TaskError):
    """The task is not, or no longer, in a state in which this can be done."""


class Stale(Conflict):
    """The caller saw an older version of the task."""


class Forbidden(TaskError):
    """This person may not do it: not their own, not twice, not without the permission."""
