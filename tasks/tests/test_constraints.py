"""Each constraint of the tables of the life of a task, and a statement that it must refuse."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from tasks.models import AgencyTask, TaskDependency, TaskEffect, TaskExecution
from tasks.states import Status
from tasks.tests.factories import UserFactory
from tasks.tests.rows import sql, task_in

pytestmark = pytest.mark.django_db

MODELS = (AgencyTask, TaskExecution, TaskEffect, TaskDependency)
APPROVED = (
    "review = 'approved', human_reviewed_at = now(), human_reviewed_by_id = %(user)s, approved_digest = config_digest"
)

#: constraint → the status of a task, and what to set on it.
TASK_RULES: dict[str, list[tuple[str, str]]] = {
    "task_lease_only_in_progress": [
        ("pending", "lease_owner = 'me', lease_expires_at = now()"),
        ("in_progress", "lease_owner = NULL"),
        ("in_progress", "lease_expires_at = NULL"),
        ("in_progress", "deadline_at = NULL"),
    ],
    "task_completed_at_iff_final": [("pending", "completed_at = now()"), ("completed", "completed_at = NULL")],
    "task_runs_only_reviewed": [("queued", "review = 'required'"), ("in_progress", "review = 'required'")],
    "task_decision_has_reviewer": [
        ("pending", "review = 'approved', approved_digest = 'x', human_reviewed_at = now()"),
        ("cancelled", "review = 'rejected'"),
    ],
    "task_approved_has_digest": [
        ("pending", f"{APPROVED}, approved_digest = ''".replace("approved_digest = config_digest, ", ""))
    ],
    "task_end_is_of_an_approval": [("pending", "approved_until = now()")],
    "task_required_review_is_kept": [("pending", "requires_human_review = true")],
    "task_four_eyes": [("pending", f"{APPROVED}, four_eyes = true, created_by_id = %(user)s")],
    "task_waiting_has_question": [
        ("waiting_input", "waiting_token = NULL"),
        ("waiting_input", "waiting_for = NULL"),
        ("pending", "waiting_token = gen_random_uuid()"),
    ],
    "task_failed_says_why": [("failed", "last_error = ''")],
    "task_max_retries_range": [("pending", "max_retries = 11"), ("pending", "max_retries = -1")],
    "task_error_count_range": [("pending", "error_count = max_retries + 2"), ("pending", "error_count = -1")],
    "task_counters_not_negative": [
        ("pending", f"{name} = -1") for name in ("crash_count", "handback_count", "attempt_count", "unmet_dependencies")
    ],
    "task_status_known": [("pending", "status = 'resting'")],
    "task_review_known": [("pending", "review = 'maybe'")],
    "task_priority_known": [("pending", "priority = 5")],
    "task_title_given": [("pending", "title = ''")],
    "task_timeout_range": [("pending", "timeout_s = 0"), ("pending", "timeout_s = 3601")],
}


def refused_by(name: str, statement: str, params: object) -> None:
    """Raises unless the statement is refused by exactly this constraint."""
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:  # noqa: PT012
        cursor.execute("SET LOCAL session_replication_role = replica")  # the triggers have tests of their own
        cursor.execute(statement, params)
    assert error.value.__cause__.diag.constraint_name == name


@pytest.mark.parametrize(
    ("name", "status", "change"), [(n, status, change) for n, cases in TASK_RULES.items() for status, change in cases]
)
def test_a_task_that_cannot_be_is_refused(name: str, status: str, change: str) -> None:
    task = task_in(status)
    refused_by(name, f"UPDATE agency_tasks SET {change} WHERE id = %(id)s", {"id": task.pk, "user": UserFactory().pk})


def test_a_dedupe_key_is_used_once() -> None:
    first, second = task_in(Status.PENDING), task_in(Status.PENDING)
    sql("UPDATE agency_tasks SET dedupe_key = 'k' WHERE id = %s", first.pk)
    refused_by("task_dedupe_key", "UPDATE agency_tasks SET dedupe_key = 'k' WHERE id = %s", [second.pk])


def execution(task: AgencyTask, attempt: int, epoch: int, status: str) -> None:
    TaskExecution.objects.create(
        task=task,
        attempt=attempt,
        epoch=epoch,
        status=status,
        worker="w",
        completed_at=None if status == "running" else task.created_at,
    )


INSERT_EXECUTION = (
    "INSERT INTO task_executions (task_id, attempt, epoch, run_generation, status, triggered_by, worker, config_digest,"
    " started_at, completed_at, error, error_code, error_trace, sanitised, steps_total, steps_completed, current_step,"
    " step_results, browser_session_id, debug_url, recording_url, updated_at) VALUES (%s, %s, %s, 0, %s, '', '', '',"
    " now(), CASE WHEN %s THEN now() END, '', '', '', false, 0, 0, '', '[]', '', '', '', now())"
)
EXECUTION_RULES = {
    # constraint → (attempt, epoch, status, closed) beside an open attempt 1 of epoch 1 and a success 2 of epoch 2
    "execution_epoch_once": (3, 1, "failed", True),
    "execution_attempt_once": (1, 3, "failed", True),
    "execution_one_open": (3, 3, "running", False),
    "execution_one_success": (3, 3, "success", True),
    "execution_open_iff_running": (3, 3, "running", True),
    "execution_attempt_from_1": (0, 3, "failed", True),
    "execution_status_known": (3, 3, "resting", True),
}


@pytest.mark.parametrize("name", EXECUTION_RULES)
def test_an_execution_that_cannot_be_is_refused(name: str) -> None:
    task = task_in(Status.PENDING)
    execution(task, 1, 1, "running")
    execution(task, 2, 2, "success")
    attempt, epoch, status, closed = EXECUTION_RULES[name]
    refused_by(name, INSERT_EXECUTION, [task.pk, attempt, epoch, status, closed])


def test_a_closed_execution_is_no_running_one() -> None:
    task = task_in(Status.PENDING)
    refused_by("execution_open_iff_running", INSERT_EXECUTION, [task.pk, 1, 1, "failed", False])


INSERT_EFFECT = (
    "INSERT INTO task_effects (task_id, run_generation, step_key, epoch, idempotency_key, request_hash, state, created_at,"
    " updated_at) VALUES (%s, 0, 'pay', 1, gen_random_uuid(), '', %s, now(), now())"
)


def test_a_step_of_a_run_is_in_the_ledger_once() -> None:
    task = task_in(Status.PENDING)
    sql(INSERT_EFFECT, task.pk, "intended")
    refused_by("effect_once", INSERT_EFFECT, [task.pk, "intended"])


def test_the_ledger_knows_four_states() -> None:
    refused_by("effect_state_known", INSERT_EFFECT, [task_in(Status.PENDING).pk, "perhaps"])


INSERT_DEPENDENCY = "INSERT INTO task_dependencies (task_id, depends_on_id, met) VALUES (%s, %s, false)"


def test_a_task_does_not_wait_for_itself() -> None:
    task = task_in(Status.PENDING)
    refused_by("dependency_not_on_itself", INSERT_DEPENDENCY, [task.pk, task.pk])


def test_a_task_waits_for_another_once() -> None:
    first, second = task_in(Status.PENDING), task_in(Status.PENDING)
    sql(INSERT_DEPENDENCY, second.pk, first.pk)
    refused_by("dependency_once", INSERT_DEPENDENCY, [second.pk, first.pk])


def test_no_constraint_is_without_a_test() -> None:
    tested = {"task_dedupe_key", "effect_once", "effect_state_known", "dependency_not_on_itself", "dependency_once"}
    tested |= set(TASK_RULES) | set(EXECUTION_RULES)
    assert {rule.name for model in MODELS for rule in model._meta.constraints} == tested
