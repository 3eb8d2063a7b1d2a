"""The tables of the tasks app."""

from tasks.models.artifact import Artifact, RememberedElement
from tasks.models.audit import TaskEvent
from tasks.models.choices import ExecutionType, OnDependencyFailure, OnUnknown, Priority, Risk, SourceType, Urgency
from tasks.models.execution import TaskEffect, TaskExecution, Worker
from tasks.models.review import Approval, ReviewClaim, ReviewLink, ReviewNotice, ReviewPolicy
from tasks.models.search import TaskSearch
from tasks.models.task import AgencyTask, TaskDependency
from tasks.models.template import ScheduleOccurrence, TaskSchedule, TaskTemplate

__all__ = [
    "AgencyTask",
    "Approval",
    "Artifact",
    "ExecutionType",
    "OnDependencyFailure",
    "OnUnknown",
    "Priority",
    "RememberedElement",
    "ReviewClaim",
    "ReviewLink",
    "ReviewNotice",
    "ReviewPolicy",
    "Risk",
    "ScheduleOccurrence",
    "SourceType",
    "TaskDependency",
    "TaskEffect",
    "TaskEvent",
    "TaskExecution",
    "TaskSchedule",
    "TaskSearch",
    "TaskTemplate",
    "Urgency",
    "Worker",
]
