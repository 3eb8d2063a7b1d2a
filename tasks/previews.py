"""What a stored task will do, said by its executor."""

from __future__ import annotations

from pydantic import ValidationError

from tasks import drafts
from tasks.errors import Conflict
from tasks.executors.base import Preview
from tasks.models import AgencyTask
from tasks.validation import config_errors, first_sentence


def preview_of(task: AgencyTask) -> Preview:
    """The preview of exactly what is stored. Raises Invalid for an unknown type, Conflict for an outdated config."""
    executor = drafts.executor_for(task.task_type)
    try:
        config = executor.Config.model_validate(task.execution_config)
    except ValidationError as error:
        sentence = first_sentence(config_errors(executor, error))
        raise Conflict(f"The stored executionConfig is no longer valid: {sentence}") from None
    return executor.preview(config)
