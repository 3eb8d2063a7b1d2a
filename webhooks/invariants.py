"""What must be true of messages after any fault and at any quiet moment, as SQL that returns no row."""

from __future__ import annotations

from tasks.invariants import Invariant

_AGO = "clock_timestamp() - make_interval(secs => %(grace_s)s)"

MESSAGES = (
    Invariant(
        "messages_wait_for_a_reason",
        "An outbound message is delivered, due, dead, cancelled or held for a named reason; a lease in use is live.",
        f"""
        SELECT m.id, 'sending since its lease ran out at ' || m.lease_expires_at FROM outbound_messages m
        WHERE m.state = 'sending' AND m.lease_expires_at < {_AGO}
        UNION ALL
        SELECT m.id, 'pending on a channel that is off' FROM outbound_messages m JOIN webhooks w ON w.id = m.webhook_id
        WHERE m.state = 'pending' AND NOT (w.is_active AND w.sends_outbound) AND m.created_at < {_AGO}
        """,  # noqa: S608 our own text
    ),
    Invariant(
        "sending_has_one_running_try",
        "A message being sent has exactly one running try, of its own epoch; no other message has one.",
        """
        SELECT m.id, 'sending at epoch ' || m.epoch || ' without its running try' FROM outbound_messages m
        WHERE m.state = 'sending' AND NOT EXISTS (SELECT 1 FROM delivery_attempts a
          WHERE a.message_id = m.id AND a.epoch = m.epoch AND a.outcome = 'running')
        UNION ALL
        SELECT m.id, 'try ' || a.epoch || ' runs on a message that is ' || m.state FROM delivery_attempts a
        JOIN outbound_messages m ON m.id = a.message_id
        WHERE a.outcome = 'running' AND (m.state <> 'sending' OR m.epoch <> a.epoch)
        """,
    ),
    Invariant(
        "finished_tasks_are_told",
        "Every finished task that asks for it and came through a channel that sends has one message of its end, "
        "or one of its own that says it.",
        """
        SELECT t.id, count(m.id) || ' messages tell that it ' || t.status FROM agency_tasks t
        JOIN webhooks w ON w.id = t.source_webhook_id
        LEFT JOIN outbound_messages m ON m.dedupe_key = format('task:%%s:%%s:%%s:%%s', t.id, t.status, t.run_generation,
          t.epoch) OR (m.task_id = t.id AND m.webhook_id = w.id AND m.event_type = 'report.ready'
            AND t.status = 'completed' AND w.type <> 'custom_webhook' AND m.created_at >= t.started_at)
        WHERE w.sends_outbound AND w.created_at < t.created_at AND ((t.status = 'completed' AND t.notify_on_complete
            AND t.task_type NOT IN ('notification', 'reminder')) OR (t.status = 'failed' AND t.notify_on_failure))
        GROUP BY t.id HAVING count(m.id) = 0 OR count(m.id) FILTER (WHERE m.event_type <> 'report.ready') > 1
        """,
    ),
    Invariant(
        "one_message_makes_one_task",
        "One inbound message makes at most one task, and knows it.",
        """
        SELECT t.source_message_id, count(*) || ' tasks' FROM agency_tasks t
        WHERE t.source_message_id IS NOT NULL AND t.dedupe_key LIKE 'inbound:%%' GROUP BY 1 HAVING count(*) > 1
        UNION ALL
        SELECT i.id, 'made task ' || t.id || ' but says ' || coalesce(i.task_id::text, 'none') FROM agency_tasks t
        JOIN inbound_messages i ON i.id = t.source_message_id
        WHERE t.dedupe_key = 'inbound:' || i.id AND i.task_id IS DISTINCT FROM t.id
        """,
    ),
    Invariant(
        "received_messages_are_read",
        "A received message is read within its next try.",
        f"""
        SELECT i.id, 'waits since ' || i.next_try_at FROM inbound_messages i
        WHERE i.state = 'received' AND i.next_try_at < {_AGO}
        """,  # noqa: S608 our own text
    ),
)
