"""The statements of the hot path: claim, heartbeat, finish, rescue, dispatch. RELIABILITY: each is one statement, fenced by
(id, epoch, owner) and by the database's clock. Used by tasks/lifecycle alone."""

from __future__ import annotations

#: Nobody need look, or people approved exactly this.
APPROVED = "(t.review = 'none' OR (t.review = 'approved' AND t.approved_digest = t.config_digest))"
#: What may run now: shared by claim and dispatch, so that both hold one rule. An approval ends, unless a run has begun
#: under it: the claim takes its end away.
REVIEWED = f"({APPROVED} AND (t.approved_until IS NULL OR t.approved_until > clock_timestamp()))"

CLAIM = f"""
WITH due AS MATERIALIZED (
  SELECT t.id, t.status_reason AS queued_because FROM agency_tasks t
  WHERE t.status = 'queued' AND t.queue = %(queue)s AND t.run_at <= clock_timestamp()
    AND t.cancel_requested_at IS NULL AND t.unmet_dependencies = 0 AND {REVIEWED}
    AND t.task_type = ANY(%(types)s)
  ORDER BY t.rank_at, t.id LIMIT %(slots)s FOR UPDATE SKIP LOCKED),
c AS (
  UPDATE agency_tasks t SET status = 'in_progress', status_reason = '', status_actor = 'worker',
    epoch = t.epoch + 1, attempt_count = t.attempt_count + 1, lease_owner = %(owner)s, approved_until = NULL,
    lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s),
    deadline_at = clock_timestamp() + make_interval(secs => t.timeout_s),
    started_at = coalesce(t.started_at, clock_timestamp())
  FROM due WHERE t.id = due.id RETURNING t.*, due.queued_because),
e AS (
  INSERT INTO task_executions (task_id, attempt, epoch, run_generation, status, triggered_by, worker, config_digest,
    started_at, updated_at, error, error_code, error_trace, sanitised, steps_total, steps_completed, current_step,
    step_results, browser_session_id, debug_url, recording_url)
  SELECT id, attempt_count, epoch, run_generation, 'running',
    CASE WHEN error_count + crash_count + handback_count > 0 THEN 'retry'
         WHEN queued_because = 'Started by hand' THEN 'manual' WHEN queued_because = 'Answered' THEN 'answer'
         WHEN review = 'approved' THEN 'post_approval' WHEN scheduled_for IS NOT NULL THEN 'scheduled'
         ELSE 'automatic' END,
    %(owner)s, config_digest, clock_timestamp(), clock_timestamp(), '', '', '', false, 0, 0, '', '[]', '', '', ''
  FROM c RETURNING id, task_id, triggered_by)
SELECT c.id, c.task_uuid, c.title, c.task_type, c.execution_config, c.run_generation, c.epoch, c.attempt_count,
  e.id AS execution_id, c.answer, c.created_by_id, c.source_type, c.source_webhook_id, c.source_message_id,
  c.template_id, c.schedule_id, c.scheduled_for, c.metadata, c.description,
  c.timeout_s, c.error_count, c.max_retries, c.crash_count, c.handback_count, c.effect, c.on_unknown_outcome,
  c.config_digest, c.target, c.review, c.can_look_up, e.triggered_by,
  (SELECT v.request_id FROM task_events v WHERE v.task_id = c.id AND v.request_id <> '' ORDER BY v.id DESC LIMIT 1)
    AS request_id,
  EXISTS (SELECT 1 FROM task_effects f WHERE f.task_id = c.id AND f.run_generation = c.run_generation
          AND f.state IN ('intended', 'unknown')) AS open_effects
FROM c JOIN e ON e.task_id = c.id ORDER BY c.rank_at, c.id
"""

HEARTBEAT = """
UPDATE agency_tasks t SET lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM unnest(%(ids)s::bigint[], %(epochs)s::bigint[]) AS m(id, epoch)
WHERE t.id = m.id AND t.epoch = m.epoch AND t.status = 'in_progress' AND t.lease_owner = %(owner)s
  AND t.deadline_at > clock_timestamp()
RETURNING t.id, t.cancel_requested_at IS NOT NULL AS cancelled
"""

#: One shape for every way attempts can end, for many at once: the ends of all slots share a statement and a commit.
#: A task without a row in the answer was fenced off. A person's wish to cancel wins over a retry or a question, but not
#: over an outcome that somebody must clear up.
FINISH = """
WITH given AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%(ends)s::jsonb) AS g(id bigint, epoch bigint, owner text, to_status text, attempt text,
    reason text, actor text, output jsonb, keep_result boolean, summary text, error text, error_code text, trace text,
    errors int, handbacks int, wait_s float8, waiting_for jsonb, duration_ms int, sanitised boolean)),
due AS MATERIALIZED (
  SELECT g.*, CASE
      WHEN a.cancel_requested_at IS NULL THEN g.to_status
      WHEN g.to_status IN ('pending', 'deferred') THEN 'cancelled'
      WHEN g.to_status = 'waiting_input' AND g.waiting_for->>'kind' IS DISTINCT FROM 'outcome_unknown' THEN 'cancelled'
      ELSE g.to_status END AS target
  FROM given g JOIN agency_tasks a ON a.id = g.id
  WHERE a.epoch = g.epoch AND a.status = 'in_progress' AND a.lease_owner = g.owner
  ORDER BY a.id FOR NO KEY UPDATE OF a),
t AS (
  UPDATE agency_tasks a SET status = d.target, status_actor = d.actor,
    status_reason = CASE WHEN d.target = d.to_status THEN d.reason ELSE 'Cancelled while running' END,
    lease_owner = NULL, lease_expires_at = NULL, deadline_at = NULL, cancel_requested_at = NULL,
    completed_at = CASE WHEN d.target IN ('completed', 'failed', 'cancelled') THEN clock_timestamp() END,
    result = CASE WHEN d.keep_result THEN d.output ELSE a.result END,
    result_summary = CASE WHEN d.keep_result THEN d.summary ELSE a.result_summary END,
    last_error = CASE WHEN d.error <> '' THEN d.error ELSE a.last_error END,
    error_count = least(a.error_count + d.errors, a.max_retries + 1), handback_count = a.handback_count + d.handbacks,
    run_at = CASE WHEN d.wait_s IS NULL THEN a.run_at ELSE clock_timestamp() + make_interval(secs => d.wait_s) END,
    deferred_until = CASE WHEN d.target = 'deferred'
                          THEN clock_timestamp() + make_interval(secs => d.wait_s) ELSE a.deferred_until END,
    waiting_for = CASE WHEN d.target = 'waiting_input' THEN d.waiting_for END,
    waiting_token = CASE WHEN d.target = 'waiting_input' THEN gen_random_uuid() END,
    waiting_until = CASE WHEN d.target = 'waiting_input'
                         THEN clock_timestamp() + make_interval(secs => %(answer_within_s)s) END
  FROM due d WHERE a.id = d.id AND a.epoch = d.epoch AND a.status = 'in_progress'
  RETURNING a.id, a.epoch, a.status, a.source_webhook_id),
e AS (
  UPDATE task_executions x SET status = d.attempt, completed_at = clock_timestamp(), updated_at = clock_timestamp(),
    duration_ms = d.duration_ms, output = d.output, error = d.error, error_code = d.error_code,
    error_trace = d.trace, sanitised = d.sanitised
  FROM t JOIN due d ON d.id = t.id
  WHERE x.task_id = t.id AND x.epoch = t.epoch AND x.completed_at IS NULL RETURNING x.task_id)
SELECT t.id, t.epoch, t.status, t.source_webhook_id FROM t JOIN e ON e.task_id = t.id
"""

#: Those who waited for a task that just ended. A separate statement: its snapshot must be younger than the end.
MEET_DEPENDENCIES = """
WITH d AS (
  UPDATE task_dependencies y SET met = true FROM agency_tasks w
  WHERE y.depends_on_id = ANY(%(ids)s) AND NOT y.met AND w.id = y.task_id
    AND (%(completed)s OR w.on_dependency_failure = 'run')
  RETURNING y.task_id)
UPDATE agency_tasks t SET unmet_dependencies = unmet_dependencies - n.met
FROM (SELECT task_id, count(*) AS met FROM d GROUP BY task_id) n
WHERE t.id = n.task_id RETURNING t.id
"""

CANCEL_DEPENDENTS = """
UPDATE agency_tasks w SET status = 'cancelled', completed_at = clock_timestamp(), waiting_token = NULL,
  status_reason = 'A task it depends on did not complete', status_actor = 'system'
FROM task_dependencies y
WHERE y.depends_on_id = ANY(%(ids)s) AND NOT y.met AND w.id = y.task_id AND w.on_dependency_failure = 'cancel'
  AND w.status IN ('pending', 'queued', 'deferred')
RETURNING w.id
"""

LATE = """
UPDATE task_executions SET late_output = %(output)s::jsonb, updated_at = clock_timestamp()
WHERE task_id = %(id)s AND epoch = %(epoch)s AND late_output IS NULL RETURNING id
"""

INTEND = """
WITH live AS (
  SELECT id FROM agency_tasks WHERE id = %(id)s AND epoch = %(epoch)s AND status = 'in_progress'
    AND lease_owner = %(owner)s AND lease_expires_at > clock_timestamp() + make_interval(secs => %(margin_s)s)
    AND deadline_at > clock_timestamp() AND cancel_requested_at IS NULL FOR SHARE),
new AS (
  INSERT INTO task_effects (task_id, run_generation, step_key, epoch, idempotency_key, request_hash, state)
  SELECT id, %(generation)s, %(step)s::varchar, %(epoch)s, %(key)s::uuid, %(hash)s::varchar, 'intended' FROM live
  ON CONFLICT (task_id, run_generation, step_key) DO UPDATE SET
    epoch = EXCLUDED.epoch, updated_at = clock_timestamp(),
    state = CASE WHEN task_effects.state = 'rejected' THEN 'intended' ELSE task_effects.state END
  RETURNING state, response, (xmax = 0) AS inserted)
SELECT (SELECT count(*) FROM live), state, response, inserted FROM (SELECT 1) one LEFT JOIN new ON true
"""

#: That something happened is evidence whoever brings it; a refusal or a doubt counts only from who asked last.
SETTLE = """
UPDATE task_effects SET state = %(state)s, response = %(response)s::jsonb, updated_at = clock_timestamp()
WHERE task_id = %(id)s AND run_generation = %(generation)s AND step_key = %(step)s AND state <> 'confirmed'
  AND (%(state)s = 'confirmed' OR epoch = %(epoch)s)
"""

#: Overtime is what a worker did that lived on past the deadline; one that died before it did not.
#: While the database was away nobody could prove anything: after its start workers get one lease's time to do so.
EXPIRED = """
SELECT t.id, t.epoch, t.lease_owner, t.queue, t.crash_count, t.effect, t.can_look_up, t.on_unknown_outcome,
  t.error_count, t.max_retries, t.run_generation, t.cancel_requested_at IS NOT NULL AS cancelled,
  EXISTS (SELECT 1 FROM task_workers w WHERE w.name = t.lease_owner AND w.seen_at > t.deadline_at) AS overtime,
  EXISTS (SELECT 1 FROM task_effects f WHERE f.task_id = t.id AND f.run_generation = t.run_generation
          AND f.state IN ('intended', 'unknown')) AS open_effects
FROM agency_tasks t WHERE t.status = 'in_progress' AND t.lease_expires_at < clock_timestamp()
  AND t.id <> ALL(%(skip)s::bigint[])
  AND pg_postmaster_start_time() < clock_timestamp() - make_interval(secs => %(settles_s)s)
ORDER BY t.lease_expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""

RESCUE = """
WITH t AS (
  UPDATE agency_tasks SET status = %(to_status)s, status_reason = %(reason)s, status_actor = 'rescue',
    lease_owner = NULL, lease_expires_at = NULL, deadline_at = NULL,
    completed_at = CASE WHEN %(final)s THEN clock_timestamp() END,
    cancel_requested_at = NULL,
    crash_count = crash_count + %(crashes)s, error_count = least(error_count + %(errors)s, max_retries + 1),
    last_error = CASE WHEN %(error)s <> '' THEN %(error)s ELSE last_error END,
    queue = %(queue)s, run_at = clock_timestamp() + make_interval(secs => %(wait_s)s),
    waiting_for = CASE WHEN %(to_status)s = 'waiting_input' THEN %(waiting_for)s::jsonb END,
    waiting_token = CASE WHEN %(to_status)s = 'waiting_input' THEN gen_random_uuid() END,
    waiting_until = CASE WHEN %(to_status)s = 'waiting_input'
                         THEN clock_timestamp() + make_interval(secs => %(answer_within_s)s) END
  WHERE id = %(id)s AND epoch = %(epoch)s AND status = 'in_progress' RETURNING id, epoch),
e AS (
  UPDATE task_executions x SET status = %(attempt)s, completed_at = clock_timestamp(), updated_at = clock_timestamp(),
    duration_ms = extract(epoch FROM clock_timestamp() - x.started_at) * 1000, error = %(error)s, error_code = %(code)s
  FROM t WHERE x.task_id = t.id AND x.completed_at IS NULL RETURNING x.id),
f AS (
  UPDATE task_effects SET state = 'unknown', updated_at = clock_timestamp() FROM t
  WHERE task_id = t.id AND run_generation = %(generation)s AND state = 'intended' RETURNING 1)
SELECT t.id FROM t
"""

#: Why a pending task may be handed to the workers; the rest of the rule is REVIEWED.
_READY = f"""t.status = 'pending' AND t.assigned_to_bot AND t.unmet_dependencies = 0
    AND t.review IN ('none', 'approved') AND {REVIEWED} AND t.run_at <= clock_timestamp()
    AND t.cancel_requested_at IS NULL"""

_TO_QUEUED = """
UPDATE agency_tasks t SET status = 'queued', status_reason = %(reason)s, status_actor = %(actor)s,
  queued_at = clock_timestamp(), dispatched_at = clock_timestamp(), dispatch_count = 0
FROM due WHERE t.id = due.id RETURNING t.id, t.queue, t.status, t.version, t.queued_at, t.updated_at
"""

#: pending → queued for everything that has become due.
QUEUE_DUE = f"""
WITH due AS MATERIALIZED (
  SELECT t.id FROM agency_tasks t WHERE {_READY} AND t.execution_type <> 'manual_trigger'
  ORDER BY t.run_at, t.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
{_TO_QUEUED}"""

#: The same for named tasks: just created, approved, or freed by the end of another.
QUEUE_READY = f"""
WITH due AS MATERIALIZED (
  SELECT t.id FROM agency_tasks t WHERE t.id = ANY(%(ids)s) AND {_READY} AND t.execution_type <> 'manual_trigger'
  ORDER BY t.id FOR UPDATE)
{_TO_QUEUED}"""

RELEASE_DEFERRED = """
WITH due AS MATERIALIZED (
  SELECT id FROM agency_tasks WHERE status = 'deferred' AND deferred_until <= clock_timestamp()
  ORDER BY deferred_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE agency_tasks t SET status = 'pending', status_reason = 'Its time has come', status_actor = 'dispatcher',
  deferred_until = NULL, run_at = least(t.run_at, clock_timestamp())
FROM due WHERE t.id = due.id RETURNING t.id
"""

EXPIRE_WAITING = """
WITH due AS MATERIALIZED (
  SELECT id FROM agency_tasks WHERE status = 'waiting_input' AND waiting_until <= clock_timestamp()
  ORDER BY waiting_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE agency_tasks t SET status = 'failed', status_reason = 'Nobody answered in time', status_actor = 'dispatcher',
  completed_at = clock_timestamp(), waiting_token = NULL, last_error = 'Nobody answered in time'
FROM due WHERE t.id = due.id RETURNING t.id
"""

#: The first in each queue, when nobody took it since the last ring: ring again, less and less often. The first stands for
#: all behind it, so that a long queue costs no more than a short one.
_STALE = """
  SELECT h.id FROM unnest(%(queues)s::text[]) AS q(name) CROSS JOIN LATERAL (
    SELECT t.id, t.dispatched_at, t.dispatch_count FROM agency_tasks t
    WHERE t.status = 'queued' AND t.queue = q.name ORDER BY t.rank_at, t.id LIMIT 1) h
  WHERE h.dispatched_at < clock_timestamp() - make_interval(secs => %(age_s)s * 2 ^ least(h.dispatch_count, 4))
"""

STALE_QUEUES = f"""
WITH stale AS MATERIALIZED ({_STALE}),
locked AS MATERIALIZED (SELECT t.id FROM agency_tasks t WHERE t.id IN (SELECT id FROM stale) FOR UPDATE SKIP LOCKED)
UPDATE agency_tasks t SET dispatched_at = clock_timestamp(), dispatch_count = t.dispatch_count + 1
FROM locked WHERE t.id = locked.id AND t.status = 'queued' RETURNING t.queue
"""

#: `path` holds the index; jsonb_set appends when the index is one past the end.
RECORD_STEP = """
UPDATE task_executions SET steps_total = %(total)s, steps_completed = greatest(steps_completed, %(done)s),
  current_step = %(current)s, step_results = jsonb_set(step_results, %(path)s, %(entry)s::jsonb, true),
  updated_at = clock_timestamp()
WHERE id = %(execution)s AND completed_at IS NULL
"""

RECORD_SESSION = """
UPDATE task_executions SET updated_at = clock_timestamp(),
  browser_session_id = coalesce(nullif(%(session)s, ''), browser_session_id),
  debug_url = coalesce(nullif(%(debug)s, ''), debug_url),
  recording_url = coalesce(nullif(%(recording)s, ''), recording_url)
WHERE id = %(execution)s
"""

WORKER_SEEN = """
INSERT INTO task_workers (name, kind, slots, busy, boot, started_at, seen_at)
VALUES (%(name)s, %(kind)s, %(slots)s, %(busy)s, %(boot)s, clock_timestamp(), clock_timestamp())
ON CONFLICT (name) DO UPDATE SET busy = EXCLUDED.busy, seen_at = clock_timestamp()
"""

WORKER_GONE = "DELETE FROM task_workers WHERE name = %(name)s OR seen_at < clock_timestamp() - interval '1 day'"

#: What a worker holds by the table but not by its own count: a claim whose answer was lost with the connection.
HELD_BY = "SELECT id, epoch FROM agency_tasks WHERE status = 'in_progress' AND lease_owner = %(owner)s"

#: Tasks that wait to learn whether work took effect, and whose ledger was told so after they began to wait: the late
#: evidence of a worker that lived on. The next attempt finishes from the ledger.
LATE_EVIDENCE = """
WITH due AS MATERIALIZED (
  SELECT t.id FROM agency_tasks t
  JOIN task_executions x ON x.task_id = t.id AND x.epoch = t.epoch
  WHERE t.status = 'waiting_input' AND t.waiting_for->>'kind' = 'outcome_unknown'
    AND EXISTS (SELECT 1 FROM task_effects f WHERE f.task_id = t.id AND f.run_generation = t.run_generation
                AND f.state = 'confirmed' AND f.updated_at > x.completed_at)
    AND NOT EXISTS (SELECT 1 FROM task_effects f WHERE f.task_id = t.id AND f.run_generation = t.run_generation
                    AND f.state IN ('intended', 'unknown'))
  LIMIT %(limit)s FOR NO KEY UPDATE OF t SKIP LOCKED)
UPDATE agency_tasks t SET status = 'queued', status_reason = 'Late evidence says that it happened',
  status_actor = 'late result', waiting_token = NULL, waiting_for = NULL, waiting_until = NULL,
  run_at = clock_timestamp(), queued_at = clock_timestamp(), dispatched_at = clock_timestamp(), dispatch_count = 0
FROM due WHERE t.id = due.id RETURNING t.id, t.queue
"""

#: One look a tick: which of the processor's statements have anything to do. Each answer is one index probe.
WHAT_IS_DUE = f"""
SELECT
  EXISTS (SELECT 1 FROM agency_tasks WHERE status = 'deferred' AND deferred_until <= clock_timestamp()) AS deferred,
  EXISTS (SELECT 1 FROM agency_tasks WHERE status = 'waiting_input' AND waiting_until <= clock_timestamp()) AS waiting,
  EXISTS (SELECT 1 FROM agency_tasks t WHERE {_READY} AND t.execution_type <> 'manual_trigger') AS ready,
  EXISTS ({_STALE}) AS stale,
  EXISTS (SELECT 1 FROM task_schedules WHERE active AND next_run_at <= clock_timestamp()) AS schedules
"""

#: The same for the rescue.
WHAT_IS_LOST = """
SELECT
  EXISTS (SELECT 1 FROM agency_tasks WHERE status = 'in_progress' AND lease_expires_at < clock_timestamp()) AS expired,
  EXISTS (SELECT 1 FROM agency_tasks
          WHERE status = 'waiting_input' AND waiting_for->>'kind' = 'outcome_unknown') AS asking
"""
