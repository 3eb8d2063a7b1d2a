"""The tables of the tasks app in the admin."""

from tasks.admin import executions, planning, reviewing, tasks

__all__ = ["executions", "planning", "reviewing", "tasks"]
