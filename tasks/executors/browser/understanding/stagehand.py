"""Stagehand 4.3 as an optional third engine: observe, act and extract over our own browser, asking our own model.

Stagehand's runtime is an extension inside the browser that dials the browser's DevTools port. So it gets a Chromium of
its own (a headless shell has no extensions), behind a proxy that lets exactly that port through, with the DevTools
origin check opened for exactly that extension. Facts about Stagehand: stagehand 4.3.0, read and run.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import json
import logging
import threading
from collections.abc import Coroutine
from importlib.util import find_spec
from typing import Any, TypeVar

from pydantic import BaseModel, create_model
from selenium.webdriver.remote.webdriver import WebDriver

from agency import llm
from agency.credentials import redact
from tasks.executors.browser.driver import ask, run_script
from tasks.executors.browser.errors import Unsure
from tasks.executors.browser.understanding.base import Choice, Extraction, ExtractRequest, FindRequest
from tasks.executors.browser.understanding.deterministic.schema_shape import wrapped_list
from tasks.executors.browser.understanding.deterministic.schemas import shaped
from tasks.executors.browser.understanding.deterministic.wishes import parse
from tasks.executors.browser.understanding.llm import occurs
from tasks.executors.browser.understanding.service import EngineFailed

logger = logging.getLogger(__name__)

FLAGS = ("--enable-unsafe-extension-debugging",)
_CONNECT_S = 20.0
_CALL_S = 30.0
#: What is left of a call's time for Stagehand's own clock to ring before ours does.
_MARGIN_S = 2.0

T = TypeVar("T")


def is_installed() -> bool:
    """Whether the optional package is here (requirements-stagehand.txt)."""
    return find_spec("stagehand") is not None


def extension_origin() -> str:
    """The origin of Stagehand's extension: an unpacked extension's id is made of its path (Chromium, crx_file/id_util)."""
    from stagehand.extension_assets import extension_directory

    digest = hashlib.sha256(str(extension_directory()).encode()).hexdigest()[:32]
    return "chrome-extension://" + "".join(chr(ord("a") + int(digit, 16)) for digit in digest)


class StagehandEngine:
    """One connection to one browser, with an event loop in a thread of its own. Open it before the first navigation."""

    name = "stagehand"

    def __init__(self, devtools_port: int) -> None:
        """Connects. Raises EngineFailed."""
        self._context = contextvars.copy_context()
        self._costs: list[llm.Costs] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="stagehand")
        self._thread.start()
        try:
            self._stagehand = self._await(self._connect(devtools_port), _CONNECT_S)
        except EngineFailed:
            self.close()
            raise

    def find(self, driver: WebDriver, request: FindRequest) -> Choice:
        """Stagehand's first action as an element of ours; where WebDriver cannot reach it, as Stagehand's own act.

        Raises Unsure, EngineFailed.
        """
        actions = self._await(
            self._stagehand.observe(request.instruction, timeout=self._timeout_ms(request.timeout_s))
        ).data
        if not actions:
            raise Unsure(f"{request.instruction}: Stagehand found nothing", [])
        action = actions[0]
        found = ask(driver.find_elements, "xpath", action.selector.removeprefix("xpath="))
        return Choice(
            element=found[0] if len(found) == 1 else None,
            frame=(),
            score=0.8,
            engine=self.name,
            described=action.description[:100],
            fingerprint={},
            why="observed by Stagehand",
            costs=self._spent(),
            act=None if len(found) == 1 else lambda: self._act(action),
        )

    def extract(self, driver: WebDriver, request: ExtractRequest) -> Extraction:
        """Values that occur on the page. Raises EngineFailed."""
        wanted, many = _shape(request)
        result = self._await(
            self._stagehand.extract(request.instruction, wanted, timeout=self._timeout_ms(_CALL_S))
        ).data.model_dump()
        model = run_script(driver, ("dom", "lists", "model"), None)
        rows = [_grounded(row, model) for row in (result["items"] if many else [result])]
        rows = [row for row in rows if row]
        names = list(_item_fields(wanted) if many else wanted.model_fields)
        found = Extraction(
            source="stagehand",
            confidence=0.75 if rows else 0.0,
            fields=names,
            missing=[name for name in names if not any(name in row for row in rows)],
            engine=self.name,
            costs=self._spent(),
        )
        if many:
            found.items = rows
        else:
            found.item = rows[0] if rows else None
        return shaped(found, request.schema) if request.schema and rows else found

    def close(self) -> None:
        """Ends the connection, and with it the browser: nobody else uses this one."""
        if hasattr(self, "_stagehand"):
            try:
                self._await(self._close(), 5.0)
            except EngineFailed as error:
                logger.info("Stagehand did not close: %s", error)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._loop.is_running():
            self._loop.close()

    async def _connect(self, port: int) -> Any:
        from stagehand import Stagehand
        from stagehand.browser import LocalBrowser

        self._browser = await LocalBrowser().connect(cdp_url=f"http://127.0.0.1:{port}")
        return await Stagehand.create(browser=self._browser, model=self._answer, logging={"level": "off"})

    async def _close(self) -> None:
        await self._stagehand.close()
        await self._browser.close()

    def _act(self, action: Any) -> None:
        result = self._await(self._stagehand.act(action, timeout=self._timeout_ms(_CALL_S)))
        if not result.data.success:
            raise Unsure(f"Stagehand could not act: {result.data.message[:200]}", [])

    async def _answer(self, params: Any) -> Any:
        """Stagehand's question, put to our model: the key and the provider stay in this process."""
        from stagehand.client_types import LLMStructuredGenerateResult

        asked = json.loads(params.model_dump_json(by_alias=True))
        schema = asked["response_format"]["schema"]
        text = "\n\n".join(_text_of(message["content"]) for message in asked["messages"])
        context = self._context.copy()
        value, costs = await asyncio.to_thread(
            context.run, _ask_without_secrets, schema, asked.get("system_prompt") or "", text
        )
        self._costs.append(costs)
        return LLMStructuredGenerateResult.model_validate(
            {
                "role": "assistant",
                "content": {"type": "text", "text": json.dumps(value)},
                "output_format": "json_schema",
                "structured_content": value,
            }
        )

    def _await(self, work: Coroutine[Any, Any, T], seconds: float = _CALL_S) -> T:
        """Runs in the loop, never longer than asked. Raises EngineFailed."""
        future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, seconds), self._loop)
        try:
            return future.result(seconds + 1)
        except Exception as error:
            # Whatever goes wrong inside an optional engine, the deterministic one goes on; the reason is kept.
            raise EngineFailed(f"{type(error).__name__}: {str(error)[:200]}") from error

    def _spent(self) -> dict[str, Any]:
        spent, self._costs = self._costs, []
        if not spent:
            return {}
        return llm.Costs(
            spent[0].model,
            sum(one.requests for one in spent),
            sum(one.input_tokens for one in spent),
            sum(one.output_tokens for one in spent),
        ).record()

    @staticmethod
    def _timeout_ms(seconds: float) -> float:
        return max(1.0, min(seconds, _CALL_S) - _MARGIN_S) * 1000


def _ask_without_secrets(schema: dict[str, Any], instructions: str, prompt: str) -> tuple[dict[str, Any], llm.Costs]:
    """A page may show what was typed into it: no secret goes to a provider."""
    return llm.ask_json(schema, instructions=instructions, prompt=redact(prompt))


def _shape(request: ExtractRequest) -> tuple[type[BaseModel], bool]:
    """A model of the wished fields, all of them text as the page writes it; and whether a list is wanted."""
    wish = parse(request.instruction, request.schema)
    names = [one.key for one in wish.fields] or ["text"]
    record = create_model("Record", **dict.fromkeys(names, (str | None, None)))  # type: ignore[call-overload]
    schema = request.schema or {}
    many = bool(wish.many) or schema.get("type") == "array" or bool(wrapped_list(schema))
    return (create_model("Records", items=(list[record], ...)), True) if many else (record, False)


def _item_fields(records: type[BaseModel]) -> list[str]:
    return list(records.model_fields["items"].annotation.__args__[0].model_fields)  # type: ignore[union-attr]


def _grounded(row: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """Only what really stands on the page."""
    return {name: text for name, text in row.items() if text and occurs(str(text), model)}


def _text_of(content: Any) -> str:
    parts = content if isinstance(content, list) else [content]
    return "\n".join(part.get("text", "") for part in parts if part.get("type") == "text")
