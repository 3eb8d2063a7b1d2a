"""One attempt as a pipeline of small named steps: resolve, validate, reconcile, run, normalise. `runner` claims and records."""

from __future__ import annotations

import logging
import traceback
from dataclasses import fields, replace
from typing import Any

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError
from pydantic import ValidationError

from agency import credentials, db
from tasks import digest
from tasks.attempt import RunningAttempt
from tasks.executors import registry
from tasks.executors.base import (
    DeadlinePassed,
    Effect,
    Executor,
    Failed,
    HandBack,
    Lost,
    NeedsInput,
    Outcome,
    Stopped,
    Success,
)
from tasks.outputs import bounded, clean_text
from tasks.validation import config_errors, first_sentence

logger = logging.getLogger(__name__)

#: Characters of a trace that are logged and kept.
MAX_TRACE = 20_000


class NotWhatWasApproved(Exception):
    """The claimed content differs from the digest it was queued with. Carries the digest of what is there now."""


def outcome_of(row: dict[str, Any], attempt: RunningAttempt) -> Outcome:
    """Performs a claimed task once. Raises NotWhatWasApproved and Stopped (Cancelled, LeaseLost); else it is an outcome.

    No outcome holds a secret: what was used in the attempt is taken out of it here, before anything is written.
    """
    with credentials.run_scope():
        return _without_secrets(_performed(row, attempt))


def _without_secrets(outcome: Outcome) -> Outcome:
    """Every text and every JSON value of an outcome, redacted."""
    held = {one.name: getattr(outcome, one.name) for one in fields(outcome)}
    return replace(outcome, **{name: credentials.redact(bounded(value)) for name, value in held.items()})


def _performed(row: dict[str, Any], attempt: RunningAttempt) -> Outcome:
    try:
        executor = registry.get(attempt.task.type)
        config = _validated(executor, attempt.task.config)
        if isinstance(config, Failed):
            return config
        _check_digest(row, executor, config)
        known = _reconcile(row, executor, config, attempt)
        if known is not None:
            return known
        attempt.check()
        return _checked(executor.run(config, attempt))
    except DeadlinePassed:
        return overtime_outcome(row)
    except (Stopped, NotWhatWasApproved):
        raise
    except (OperationalError, InterfaceError) as error:
        logger.warning("[TaskExecution] Task %s lost the database: %s", attempt.task.id, type(error).__name__)
        return _interrupted(row)
    except Exception as error:  # noqa: BLE001 logged below, in words that a log can hold
        return _unexpected(row, error)
    finally:
        db.release()


def _validated(executor: Executor[Any], raw: dict[str, Any]) -> Any:
    """The typed config, or why it cannot run. Checked again here: rules and permissions may have changed since."""
    try:
        config = executor.Config.model_validate(raw)
    except ValidationError as error:
        return Failed(first_sentence(config_errors(executor, error)), code="invalid_config")
    problems = executor.check(config)
    if problems:
        return Failed(problems[0][1], code="invalid_config")
    return config


def _check_digest(row: dict[str, Any], executor: Executor[Any], config: Any) -> None:
    now = digest.of(row["task_type"], row["execution_config"], executor.target(config), row["template_id"])
    if now != row["config_digest"]:
        raise NotWhatWasApproved(now)


def _reconcile(row: dict[str, Any], executor: Executor[Any], config: Any, attempt: RunningAttempt) -> Outcome | None:
    """Before work that must not happen twice is repeated: did the last try take effect? None: it may be sent."""
    if not row["open_effects"] or row["effect"] != Effect.ONCE:
        return None
    found = executor.lookup(config, attempt) if executor.can_look_up else None
    if isinstance(found, Failed) and found.code == "not_found":
        return None
    if found is not None:
        return found
    if row["on_unknown_outcome"] == "retry":
        return None
    return Lost("An earlier attempt ended without an answer.")


def _checked(outcome: Any) -> Outcome:
    if isinstance(outcome, (Success, Failed, NeedsInput, Lost, HandBack)):
        return outcome
    raise TypeError(f"executor returned {type(outcome).__name__}, expected an outcome of tasks.executors.base")


def _may_have_sent(row: dict[str, Any]) -> bool:
    from tasks.models import TaskEffect

    open_states = ("intended", "unknown")
    try:
        return TaskEffect.objects.filter(
            task_id=row["id"], run_generation=row["run_generation"], state__in=open_states
        ).exists()
    except DatabaseError:
        return True


def overtime_outcome(row: dict[str, Any], sentence: str = "") -> Outcome:
    """An attempt that was ended from outside: unknown when something that must not happen twice may have been sent."""
    sentence = sentence or f"The attempt took longer than its {row['timeout_s']} s."
    if row["effect"] == Effect.ONCE and _may_have_sent(row):
        return Lost(sentence)
    return Failed(sentence, heals=True, code="deadline", timed_out=True)


def _interrupted(row: dict[str, Any]) -> Outcome:
    """The database went away in mid-attempt: free unless something may have been sent."""
    if row["effect"] == Effect.ONCE and _may_have_sent(row):
        return Lost("The database was away while the work ran.")
    return HandBack("The database was away", wait_s=2.0)


def _unexpected(row: dict[str, Any], error: Exception) -> Outcome:
    trace = clean_text("".join(traceback.format_exception(error)), MAX_TRACE)
    logger.error("[TaskExecution] Task %s raised\n%s", row["id"], trace)
    sentence = f"{type(error).__name__}: {error}"[:500]
    if row["effect"] == Effect.ONCE and _may_have_sent(row):
        return Lost(f"The attempt broke off ({type(error).__name__}).")
    return Failed(sentence, heals=True, code="unexpected", trace=trace)
