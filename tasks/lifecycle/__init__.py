"""Every change of a task's status. Nothing else writes `status`.

Each function is one conditional UPDATE with the expected old status in its WHERE; the trigger of migration 0002 adds the
audit row in the same transaction and refuses pairs outside tasks/states.py. A function answers what it changed; nothing
changed means that somebody was faster, and the caller decides whether that is a conflict.
"""

from tasks.lifecycle.attempts import (
    End,
    Lease,
    back_to_review,
    claim,
    expired,
    finish,
    finish_many,
    heartbeat,
    held_by,
    record_late,
    rescue,
    settle_late,
)
from tasks.lifecycle.moves import Row, cancel_followers, dumps, queue_new, queue_ready, task_finished, task_waiting
from tasks.lifecycle.people import (
    answer,
    answer_failed,
    answer_happened,
    answer_run_again,
    cancel,
    defer,
    fail_unrunnable,
    queue_by_hand,
    release,
    replay,
    request_cancel,
    unqueue,
)
from tasks.lifecycle.ticks import (
    expire_waiting,
    queue_due,
    queue_late_evidence,
    release_due,
    ring_stale,
    what_is_due,
    what_is_lost,
)

__all__ = [
    "End",
    "Lease",
    "Row",
    "answer",
    "answer_failed",
    "answer_happened",
    "answer_run_again",
    "back_to_review",
    "cancel",
    "cancel_followers",
    "claim",
    "defer",
    "dumps",
    "expire_waiting",
    "expired",
    "fail_unrunnable",
    "finish",
    "finish_many",
    "heartbeat",
    "held_by",
    "queue_by_hand",
    "queue_due",
    "queue_late_evidence",
    "queue_new",
    "queue_ready",
    "record_late",
    "release",
    "release_due",
    "replay",
    "request_cancel",
    "rescue",
    "ring_stale",
    "settle_late",
    "task_finished",
    "task_waiting",
    "unqueue",
    "what_is_due",
    "what_is_lost",
]
