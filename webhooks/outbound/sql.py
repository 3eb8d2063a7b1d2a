"""The statements of the outbox. Rows compete by the database's clock."""

from __future__ import annotations

#: Advisory locks of this number space name hosts.
LOCK_SPACE = 7201

#: One claimer per host at a time, so that budgets are counted exactly; the lock ends with the transaction.
LOCK_HOSTS = """
SELECT host FROM (
  SELECT DISTINCT w.host FROM webhooks w
  WHERE w.is_active AND w.sends_outbound AND NOT w.id = ANY(%(blocked)s)
    AND EXISTS (SELECT 1 FROM outbound_messages m
                WHERE m.webhook_id = w.id AND m.state = 'pending' AND m.next_attempt_at <= clock_timestamp())
) due WHERE pg_try_advisory_xact_lock(%(space)s, hashtext(host))
"""

CLAIM = """
WITH flying AS MATERIALIZED (
  SELECT m.webhook_id, w.host, count(*) AS n
  FROM outbound_messages m JOIN webhooks w ON w.id = m.webhook_id WHERE m.state = 'sending' GROUP BY 1, 2),
recent AS MATERIALIZED (
  SELECT a.webhook_id, count(*) AS n FROM delivery_attempts a
  WHERE a.started_at > clock_timestamp() - interval '1 second'
    AND a.webhook_id IN (SELECT id FROM webhooks WHERE host = ANY(%(hosts)s)) GROUP BY 1),
rooms AS MATERIALIZED (
  SELECT w.id, w.host,
    greatest(0, least(%(per_channel)s - coalesce(f.n, 0), %(per_second)s - coalesce(r.n, 0),
      CASE WHEN w.id = ANY(%(probing)s) THEN 1 - coalesce(f.n, 0) ELSE %(per_channel)s END)) AS room
  FROM webhooks w LEFT JOIN flying f ON f.webhook_id = w.id LEFT JOIN recent r ON r.webhook_id = w.id
  WHERE w.host = ANY(%(hosts)s) AND w.is_active AND w.sends_outbound AND NOT w.id = ANY(%(blocked)s)),
due AS MATERIALIZED (
  SELECT m.id, m.next_attempt_at, rooms.host,
    row_number() OVER (PARTITION BY rooms.host ORDER BY m.next_attempt_at, m.id) AS nth
  FROM rooms CROSS JOIN LATERAL (
    SELECT id, next_attempt_at FROM outbound_messages
    WHERE webhook_id = rooms.id AND state = 'pending' AND next_attempt_at <= clock_timestamp()
    ORDER BY next_attempt_at, id LIMIT rooms.room FOR UPDATE SKIP LOCKED) m),
picked AS MATERIALIZED (
  SELECT due.id FROM due
  LEFT JOIN (SELECT host, sum(n) AS n FROM flying GROUP BY 1) busy ON busy.host = due.host
  WHERE due.nth <= %(per_host)s - coalesce(busy.n, 0)
  ORDER BY due.next_attempt_at, due.id LIMIT %(free)s),
claimed AS (
  UPDATE outbound_messages m SET state = 'sending', epoch = m.epoch + 1, lease_owner = %(me)s, next_attempt_at = NULL,
    lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
  FROM picked WHERE m.id = picked.id RETURNING m.*),
tries AS (
  INSERT INTO delivery_attempts (message_id, webhook_id, epoch, number, manual, worker, outcome, error, location,
    response_headers, response_body, started_at)
  SELECT id, webhook_id, epoch, epoch, manual, %(me)s, 'running', '', '', '{}', '', clock_timestamp() FROM claimed)
SELECT c.id, c.message_id, c.webhook_id, c.event_type, c.recipient, c.address, c.subject, c.text, c.body, c.state,
  c.attempts, c.refusals, c.epoch, c.manual, c.manual_from, c.resume_at, c.held_reason,
  w.type, w.url, w.config, w.custom_headers, w.account, w.token,
    w.is_active AND w.accepts_inbound AND w.provider = w.verification AS hears,
  extract(epoch FROM clock_timestamp())::bigint AS sent_at
FROM claimed c JOIN webhooks w ON w.id = c.webhook_id
"""

#: Seconds until something is due on a channel that is not blocked; NULL when nothing is.
NEXT_DUE = """
SELECT extract(epoch FROM min(m.next_attempt_at) - clock_timestamp())::float8
FROM webhooks w CROSS JOIN LATERAL (
  SELECT next_attempt_at FROM outbound_messages WHERE webhook_id = w.id AND state = 'pending'
  ORDER BY next_attempt_at LIMIT 1) m
WHERE w.is_active AND w.sends_outbound AND NOT w.id = ANY(%(blocked)s)
"""

#: No row means that the lease was lost: somebody else decides about the message by now.
FINISH = """
WITH ended AS (
  UPDATE outbound_messages SET state = %(state)s, lease_owner = NULL, lease_expires_at = NULL,
    next_attempt_at = CASE WHEN %(state)s = 'pending'
      THEN coalesce(%(resume_at)s, clock_timestamp() + make_interval(secs => %(wait_s)s)) END,
    finished_at = CASE WHEN %(state)s IN ('delivered', 'dead') THEN clock_timestamp() END,
    attempts = %(attempts)s, refusals = %(refusals)s, crashes = 0, last_error = %(error)s,
    held_reason = %(held_reason)s, manual = false, manual_from = '', resume_at = NULL,
    provider_id = CASE WHEN %(provider_id)s = '' THEN provider_id ELSE %(provider_id)s END,
    receipt = CASE WHEN %(provider_id)s IN ('', provider_id) THEN receipt ELSE '' END,
    receipt_code = CASE WHEN %(provider_id)s IN ('', provider_id) THEN receipt_code ELSE '' END,
    receipt_at = CASE WHEN %(provider_id)s IN ('', provider_id) THEN receipt_at END
  WHERE id = %(id)s AND epoch = %(epoch)s AND state = 'sending' AND lease_owner = %(me)s
  RETURNING id, webhook_id),
tried AS (
  UPDATE delivery_attempts SET outcome = %(outcome)s, status_code = %(status_code)s, error = %(attempt_error)s,
    location = %(location)s, response_headers = %(headers)s, response_body = %(body)s, duration_ms = %(duration_ms)s,
    finished_at = clock_timestamp()
  FROM ended WHERE message_id = ended.id AND epoch = %(epoch)s AND outcome = 'running'),
well AS (
  UPDATE webhooks w SET last_success_at = clock_timestamp(), failing_since = NULL, exhausted_count = 0
  FROM ended WHERE w.id = ended.webhook_id AND %(outcome)s = 'delivered'
    AND (w.failing_since IS NOT NULL OR w.exhausted_count > 0 OR w.last_success_at IS NULL
         OR w.last_success_at < clock_timestamp() - interval '1 minute')),
ill AS (
  UPDATE webhooks w SET failing_since = coalesce(w.failing_since, clock_timestamp()),
    exhausted_count = w.exhausted_count + %(exhausted)s
  FROM ended WHERE w.id = ended.webhook_id AND %(outcome)s <> 'delivered' AND NOT %(blameless)s
    AND (w.failing_since IS NULL OR %(exhausted)s > 0))
SELECT webhook_id FROM ended
"""

#: A worker that lost its lease comes back and says that the receiver has it: then nobody needs to send it again.
LATE_SUCCESS = """
WITH late AS (
  UPDATE delivery_attempts SET error = 'late: the receiver has it', status_code = %(status_code)s
  WHERE message_id = %(id)s AND epoch = %(epoch)s AND outcome = 'lost' RETURNING message_id)
UPDATE outbound_messages m SET state = 'delivered', finished_at = clock_timestamp(), next_attempt_at = NULL,
  held_reason = '', manual = false, manual_from = '', resume_at = NULL
FROM late WHERE m.id = late.message_id AND m.epoch = %(epoch)s AND m.state IN ('pending', 'held')
"""

#: Leases that ran out: sent again under the same id, except where twice is worse than not knowing.
RESCUE = """
WITH lost AS (
  SELECT m.id, m.epoch, m.crashes + 1 AS crashes, m.webhook_id, w.type = ANY(%(once)s) AS once
  FROM outbound_messages m JOIN webhooks w ON w.id = m.webhook_id
  WHERE m.state = 'sending' AND m.lease_expires_at < clock_timestamp()
  ORDER BY m.lease_expires_at LIMIT %(limit)s FOR UPDATE OF m SKIP LOCKED),
moved AS (
  UPDATE outbound_messages m SET lease_owner = NULL, lease_expires_at = NULL, crashes = lost.crashes,
    state = CASE WHEN lost.once THEN 'held' WHEN lost.crashes >= %(max_crashes)s THEN 'dead' ELSE 'pending' END,
    held_reason = CASE WHEN lost.once THEN 'the worker was lost after it may have been sent' ELSE '' END,
    last_error = CASE WHEN lost.crashes >= %(max_crashes)s THEN 'every worker that tried it was lost'
                      ELSE 'the worker was lost' END,
    next_attempt_at = CASE WHEN NOT lost.once AND lost.crashes < %(max_crashes)s THEN clock_timestamp() END,
    finished_at = CASE WHEN NOT lost.once AND lost.crashes >= %(max_crashes)s THEN clock_timestamp() END
  FROM lost WHERE m.id = lost.id RETURNING m.id),
tries AS (
  UPDATE delivery_attempts a SET outcome = 'lost', finished_at = clock_timestamp(), error = 'the worker was lost'
  FROM lost WHERE a.message_id = lost.id AND a.epoch = lost.epoch AND a.outcome = 'running')
SELECT count(*) FROM moved
"""

INSERT = """
INSERT INTO outbound_messages (message_id, dedupe_key, webhook_id, conversation_id, task_id, in_reply_to_id, event_type,
  sequence, recipient, address, subject, text, body, created_by_id, state, held_reason, attempts, crashes, refusals,
  next_attempt_at, manual, manual_from, epoch, last_error, provider_id, created_at)
SELECT %(message_id)s, %(dedupe_key)s, w.id, %(conversation_id)s, %(task_id)s, %(in_reply_to_id)s, %(event_type)s,
  coalesce((SELECT max(sequence) + 1 FROM outbound_messages WHERE task_id = %(task_id)s), 1),
  %(recipient)s, %(address)s, %(subject)s, %(text)s, %(body)s, %(created_by_id)s,
  CASE WHEN held.reason = '' THEN 'pending' ELSE 'held' END, held.reason, 0, 0, 0,
  CASE WHEN held.reason = '' THEN coalesce(%(not_before)s, clock_timestamp()) END, false, '', 0, '', '',
  clock_timestamp()
FROM webhooks w, LATERAL (SELECT CASE
    WHEN %(held)s <> '' THEN %(held)s
    WHEN NOT w.is_active THEN 'the channel is disabled'
    WHEN NOT w.sends_outbound THEN 'the channel does not send'
    WHEN EXISTS (SELECT 1 FROM webhook_conversations t WHERE t.id = %(conversation_id)s AND t.muted_at IS NOT NULL)
      THEN 'the person wrote STOP'
    ELSE '' END AS reason) held
WHERE w.id = %(webhook_id)s
ON CONFLICT (dedupe_key) DO NOTHING
RETURNING id, state
"""

#: What a provider reports of a message it took. It only moves on, and only while the id is the newest one it was sent
#: under. A message that did not arrive after all is dead: it counts as such, is listed, and can be sent again.
RECEIPT = """
UPDATE outbound_messages SET receipt = %(receipt)s, receipt_code = %(code)s, receipt_at = clock_timestamp(),
  state = CASE WHEN state = 'delivered' AND %(lost)s THEN 'dead' ELSE state END,
  last_error = CASE WHEN state = 'delivered' AND %(lost)s THEN %(error)s ELSE last_error END
WHERE webhook_id = %(webhook_id)s AND provider_id = %(provider_id)s AND receipt = ANY(%(before)s)
"""
