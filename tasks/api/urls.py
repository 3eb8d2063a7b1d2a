"""The addresses of tasks below /api/v1/."""

from __future__ import annotations

from django.urls import path

from agency.api import ids
from tasks.api import actions, artifacts, executions, many, overview, planning, policies, problems, views

__all__ = ["app_name", "ids", "problems", "urlpatterns"]  # imported for what they register

app_name = "tasks-api"

ACTIONS = {
    "execute": actions.Execute,
    "approve": actions.Approve,
    "reject": actions.Reject,
    "cancel": actions.Cancel,
    "defer": actions.Defer,
    "release": actions.Release,
    "retry": actions.Retry,
    "input": actions.Input,
    "duplicate": actions.Duplicate,
}

urlpatterns = [
    path("tasks/", views.TaskList.as_view(), name="tasks"),
    path("tasks/stats/", overview.Stats.as_view(), name="stats"),
    path("tasks/queue/", overview.Queue.as_view(), name="queue"),
    path("tasks/process-pending/", overview.ProcessPending.as_view(), name="process-pending"),
    path("tasks/bulk/", many.Bulk.as_view(), name="bulk"),
    path("tasks/bulk-actions/", many.BulkActions.as_view(), name="bulk-actions"),
    path("workflows/", many.Workflows.as_view(), name="workflows"),
    path("task-types/", overview.TaskTypes.as_view(), name="task-types"),
    path("tasks/<id:task_id>/", views.TaskItem.as_view(), name="task"),
    path("tasks/<id:task_id>/executions/", views.TaskExecutions.as_view(), name="task-executions"),
    path("tasks/<id:task_id>/events/", views.TaskEvents.as_view(), name="task-events"),
    path("tasks/<id:task_id>/preview/", views.TaskPreview.as_view(), name="task-preview"),
    path("executions/", executions.ExecutionList.as_view(), name="executions"),
    path("executions/<id:execution_id>/", executions.ExecutionItem.as_view(), name="execution"),
    path("templates/", planning.TemplateList.as_view(), name="templates"),
    path("templates/<id:template_id>/", planning.TemplateItem.as_view(), name="template"),
    path("templates/<id:template_id>/tasks/", planning.TemplateTasks.as_view(), name="template-tasks"),
    path("schedules/", planning.ScheduleList.as_view(), name="schedules"),
    path("schedules/<id:schedule_id>/", planning.ScheduleItem.as_view(), name="schedule"),
    path("schedules/<id:schedule_id>/upcoming/", planning.ScheduleUpcoming.as_view(), name="schedule-upcoming"),
    path("schedules/<id:schedule_id>/occurrences/", planning.ScheduleOccurrences.as_view(), name="occurrences"),
    path("review-policies/", policies.PolicyList.as_view(), name="review-policies"),
    path("review-policies/<id:policy_id>/", policies.PolicyItem.as_view(), name="review-policy"),
    path("artifacts/<id:artifact_id>/", artifacts.ArtifactFile.as_view(), name="artifact"),
    *(path(f"tasks/<id:task_id>/{verb}/", view.as_view(), name=verb) for verb, view in ACTIONS.items()),
]
