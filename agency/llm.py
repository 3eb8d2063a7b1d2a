"""The one door to a language model: text in, validated data out, never an action.

Optional: without LLM_MODEL (and requirements-llm.txt) `is_configured` is False and callers go on without. What a model
answers is checked against the asked shape before anybody sees it; a wrong answer is shown to the model once more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any, TypeVar

from django.conf import settings
from pydantic import BaseModel

logger = logging.getLogger(__name__)

#: How often a model may correct an answer that does not have the asked shape.
CORRECTIONS = 2
#: Characters of a prompt; callers cut what they send, this is the last line.
MOST_PROMPT = 200_000

T = TypeVar("T", bound=BaseModel)
_stand_in: ContextVar[Any] = ContextVar("language_model", default=None)


class LlmError(Exception):
    """The model could not be asked, or did not answer in the asked shape. The message is safe to show."""


@dataclass(frozen=True)
class Costs:
    """What one question took. `usd` is None where the price is not known."""

    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    usd: float | None = None

    def record(self) -> dict[str, Any]:
        """As JSON, without what is not known."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def is_configured() -> bool:
    """Whether a model can be asked at all."""
    if _stand_in.get() is not None:
        return True
    return bool(settings.LLM_MODEL) and find_spec("pydantic_ai") is not None


@contextmanager
def stand_in(model: Any) -> Iterator[None]:
    """Asks `model` (a pydantic-ai model) instead of the configured one within the block: for tests."""
    token = _stand_in.set(model)
    try:
        yield
    finally:
        _stand_in.reset(token)


def structured(shape: type[T], *, instructions: str, prompt: str) -> T:
    """The model's answer as `shape`. Raises LlmError."""
    return ask(shape, instructions=instructions, prompt=prompt)[0]


def ask(shape: type[T], *, instructions: str, prompt: str) -> tuple[T, Costs]:
    """As `structured`, with what it took. Raises LlmError."""
    value, costs = _run(shape, instructions, prompt)
    return value, costs


def ask_json(schema: dict[str, Any], *, instructions: str, prompt: str) -> tuple[dict[str, Any], Costs]:
    """The model's answer as an object of a JSON Schema that is known only now. Raises LlmError."""
    if not is_configured():
        raise LlmError("no language model is configured")
    from pydantic_ai import StructuredDict

    value, costs = _run(StructuredDict(schema, name="answer"), instructions, prompt)
    return dict(value), costs


def _run(shape: Any, instructions: str, prompt: str) -> tuple[Any, Costs]:
    if not is_configured():
        raise LlmError("no language model is configured")
    from pydantic_ai import Agent
    from pydantic_ai.exceptions import AgentRunError, UserError
    from pydantic_ai.usage import UsageLimits

    model = _stand_in.get() or settings.LLM_MODEL
    try:
        agent = Agent(model, output_type=shape, instructions=instructions, retries=CORRECTIONS)
        result = agent.run_sync(
            prompt[:MOST_PROMPT],
            model_settings={"max_tokens": settings.LLM_MAX_TOKENS, "timeout": settings.LLM_TIMEOUT_SECONDS},
            usage_limits=UsageLimits(request_limit=CORRECTIONS + 1),
        )
    except (AgentRunError, UserError) as error:
        logger.warning("language model: %s", type(error).__name__)
        raise LlmError(f"the language model gave no usable answer ({type(error).__name__})") from error
    except Exception as error:
        # Providers raise errors of their own HTTP clients; none of them may end the work that only wished for help.
        logger.warning("language model: %s", type(error).__name__)
        raise LlmError(f"the language model could not be asked ({type(error).__name__})") from error
    return result.output, _costs(result)


def _costs(result: Any) -> Costs:
    usage, response = result.usage, result.response
    price = getattr(usage, "cost", None)
    return Costs(
        model=str(response.model_name or settings.LLM_MODEL),
        requests=usage.requests,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        usd=float(price) if price else None,
    )
