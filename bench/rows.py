"""Fills the tables with made-up history: python -m bench.rows COUNT. Statuses and texts as in a real year."""

from __future__ import annotations

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")

#: People own tasks in turn; words follow a long tail, so that some are everywhere and most are rare.
PEOPLE = 50
CHUNK = 50_000

USERS = """
INSERT INTO auth_user (username, password, is_superuser, is_staff, is_active, first_name, last_name, email, date_joined)
SELECT 'person' || n, '!', false, false, true, '', '', '', now() FROM generate_series(1, %(people)s) n
ON CONFLICT DO NOTHING
"""

#: What differs from row to row; every other column is copied from a task made in the ordinary way.
DIFFERENT = {
    "task_uuid": "gen_random_uuid()",
    "title": "initcap(w.words)",
    "description": "'Please ' || w.words || ' for client ' || (n %% 997)",
    "category": "'category' || (r.a %% 12)",
    "tags": "CASE WHEN r.b %% 3 = 0 THEN ARRAY['tag' || (r.a %% 41), 'client' || (r.b %% 997)] ELSE '{}' END",
    "task_type": "(ARRAY['api_call', 'api_call', 'api_call', 'ghl_action', 'notification', 'reminder',"
    " 'browser_automation', 'data_extraction', 'report_generation'])[1 + r.a %% 9]",
    "priority": "CASE WHEN r.c %% 100 = 0 THEN 4 WHEN r.c %% 10 = 0 THEN 3 WHEN r.c %% 7 = 0 THEN 1 ELSE 2 END",
    "status": "s.status",
    "review": "s.review",
    "requires_human_review": "s.review <> 'none'",
    "created_by_id": "p.first + r.d %% %(people)s",
    "scheduled_for": "CASE WHEN r.b %% 5 = 0 THEN at END",
    "deadline": "CASE WHEN r.d %% 4 = 0 THEN at + interval '2 days' END",
    **dict.fromkeys(("run_at", "rank_at", "queued_at", "started_at", "created_at", "updated_at"), "at"),
    "completed_at": "CASE WHEN s.status IN ('completed', 'failed', 'cancelled') THEN at + interval '3 seconds' END",
    "last_error": "CASE WHEN s.status = 'failed' THEN 'The API answered 500' ELSE '' END",
    "result": "CASE WHEN s.status = 'completed' THEN"
    """ '{"data": {"ok": true}, "metadata": {"status": 200}}'::jsonb END""",
    "lease_owner": "CASE WHEN s.status = 'in_progress' THEN 'bench' END",
    **dict.fromkeys(
        ("lease_expires_at", "deadline_at"), "CASE WHEN s.status = 'in_progress' THEN now() + interval '1 day' END"
    ),
    "waiting_for": "CASE WHEN s.status = 'waiting_input' THEN"
    """ '{"question": "Which?", "kind": "question", "options": []}'::jsonb END""",
    "waiting_token": "CASE WHEN s.status = 'waiting_input' THEN gen_random_uuid() END",
    "waiting_until": "CASE WHEN s.status = 'waiting_input' THEN now() + interval '7 days' END",
    "deferred_until": "CASE WHEN s.status = 'deferred' THEN now() + interval '9 days' END",
}

TASKS = """
INSERT INTO agency_tasks ({columns}) SELECT {values}
FROM generate_series(%(first)s, %(last)s) n
CROSS JOIN (SELECT * FROM agency_tasks WHERE id = %(model)s) model
CROSS JOIN LATERAL (
  SELECT abs(hashint4extended(n, 1)) AS a, abs(hashint4extended(n, 2)) AS b, abs(hashint4extended(n, 3)) AS c,
         abs(hashint4extended(n, 4)) AS d, abs(hashint4extended(n, 5)) AS e) r
CROSS JOIN LATERAL (SELECT now() - make_interval(secs => (%(total)s - n) * 31e6 / %(total)s) AS at) t
CROSS JOIN LATERAL (
  SELECT string_agg('word' || floor(5000 * power(random(), 3))::int, ' ') AS words
  FROM generate_series(1, 8) WHERE n > 0) w
CROSS JOIN LATERAL (
  -- what is open is recent, and there are as many open tasks however long the history
  SELECT CASE WHEN n > %(total)s - 2000 THEN
           (ARRAY['queued', 'in_progress', 'waiting_input', 'deferred', 'pending', 'pending', 'completed', 'completed'])
             [1 + n %% 8]
         WHEN r.e %% 40 = 0 THEN 'failed' WHEN r.e %% 97 = 0 THEN 'cancelled' ELSE 'completed' END AS status,
         CASE WHEN n > %(total)s - 2000 AND n %% 8 = 5 THEN 'required' ELSE 'none' END AS review) s
CROSS JOIN (SELECT min(id) AS first FROM auth_user WHERE username LIKE 'person%%') p
"""

WORDS = """
INSERT INTO task_search (task_id, words, tags)
SELECT id, to_tsvector('simple', title || ' ' || description), tags FROM agency_tasks WHERE id > %(after)s
"""

EXECUTIONS = """
INSERT INTO task_executions (
  task_id, attempt, epoch, run_generation, status, triggered_by, worker, config_digest, started_at, completed_at,
  duration_ms, output, error, error_code, error_trace, sanitised, steps_total, steps_completed, current_step,
  step_results, browser_session_id, debug_url, recording_url, updated_at)
SELECT id, 1, 1, 0,
  CASE status WHEN 'completed' THEN 'success' WHEN 'in_progress' THEN 'running' ELSE 'failed' END, 'automatic',
  'worker-1', config_digest, started_at, CASE WHEN status <> 'in_progress' THEN started_at + interval '3 seconds' END,
  CASE WHEN status <> 'in_progress' THEN 3000 END, result, last_error, '', '', false, 0, 0, '', '[]', '', '', '',
  started_at
FROM agency_tasks WHERE id > %(after)s AND status IN ('completed', 'failed', 'in_progress')
"""

EVENTS = """
INSERT INTO task_events (task_id, at, kind, actor, from_status, to_status, reason, epoch, data, request_id)
SELECT id, created_at, 'created', 'system', '', 'pending', '', 0, '{}', '' FROM agency_tasks WHERE id > %(after)s
"""


def fill(count: int) -> None:
    """Adds `count` tasks with their executions and first events. Triggers are off: this is history, not work."""
    from django.db import connection, transaction

    with connection.cursor() as cursor:
        cursor.execute(USERS, {"people": PEOPLE})
        model, columns = _model()
        values = [DIFFERENT.get(name, f"model.{name}") for name in columns]
        insert = TASKS.format(columns=", ".join(columns), values=", ".join(values))
        for first in range(1, count + 1, CHUNK):
            with transaction.atomic():
                cursor.execute("SET LOCAL session_replication_role = replica")
                cursor.execute("SELECT max(id) FROM agency_tasks")
                after = {"after": cursor.fetchone()[0]}
                numbers = {"first": first, "last": min(first + CHUNK - 1, count), "total": count}
                cursor.execute(insert, {**numbers, "people": PEOPLE, "model": model})
                cursor.execute(WORDS, after)
                cursor.execute(EXECUTIONS, after)
                cursor.execute(EVENTS, after)
        cursor.execute("VACUUM ANALYZE agency_tasks, task_search, task_executions, task_events")


def _model() -> tuple[int, list[str]]:
    """A task made in the ordinary way, and the columns of its row that are written."""
    from tasks import services
    from tasks.actors import Actor
    from tasks.inputs import TaskInput
    from tasks.models import AgencyTask

    config = {"apiEndpoint": "https://api.example.com/v1/things", "apiMethod": "GET"}
    fields = {"title": "Model", "taskType": "api_call", "executionType": "manual_trigger", "executionConfig": config}
    task = services.create(TaskInput.model_validate(fields), Actor("bench"))
    return task.pk, [field.column for field in AgencyTask._meta.concrete_fields if not field.primary_key]


if __name__ == "__main__":
    django.setup()
    fill(int(sys.argv[1]))
