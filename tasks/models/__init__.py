"""The tables of the tasks app."""

from tasks.models.audit import TaskEvent
from tasks.models.execution import TaskEffect, TaskExecution, Worker
from tasks.models.review import Approval
from tasks.models.task import (
    AgencyTask,
    ExecutionType,
    OnDependencyFailure,
    OnUnknown,
    Priority,
    SourceType,
    TaskDependency,
    Urgency,
)
from tasks.models.template import ScheduleOccurrence, TaskSchedule, TaskTemplate

__all__ = [
    "AgencyTask",
    "Approval",
    "ExecutionType",
    "OnDependencyFailure",
    "OnUnknown",
    "Priority",
    "ScheduleOccurrence",
    "SourceType",
    "TaskDependency",
    "TaskEffect",
    "TaskEvent",
    "TaskExecution",
    "TaskSchedule",
    "TaskTemplate",
    "Urgency",
    "Worker",
]
