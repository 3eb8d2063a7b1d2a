"""One attempt at a browser task: session, steps, outcome."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from agency import llm
from tasks.executors.base import Context, Failed, HandBack, NeedsInput, Outcome, Success
from tasks.executors.browser import parking, resumption
from tasks.executors.browser.browserbase import Limited
from tasks.executors.browser.config import BrowserConfig
from tasks.executors.browser.drivers import open_session, stagehand_session
from tasks.executors.browser.errors import BrowserError, TooBusy
from tasks.executors.browser.extraction_output import extraction_output
from tasks.executors.browser.performing import Performance
from tasks.executors.browser.run import Run
from tasks.executors.browser.sessions import BrowserSession, Watchdog
from tasks.executors.browser.understanding.base import Engine
from tasks.executors.browser.understanding.engines import understanding_for
from tasks.executors.browser.understanding.service import EngineFailed
from tasks.executors.browser.understanding.stagehand import is_installed

logger = logging.getLogger(__name__)

#: A worker whose browsers are all taken gives the task back for this long, in seconds.
BUSY_WAIT_S = 5.0


def attempt(config: BrowserConfig, ctx: Context, *, extracts: bool) -> Outcome:
    """Does the steps in a browser of the asked kind. Raises Stopped."""
    try:
        return _attempt(config, ctx, extracts)
    except TooBusy as error:
        return HandBack(str(error), wait_s=BUSY_WAIT_S)
    except Limited as error:
        return HandBack(str(error), wait_s=error.wait_s)
    except BrowserError as error:
        ctx.check()
        return Failed(str(error), heals=error.heals, code=error.code)
    except EngineFailed as error:
        return Failed(f"Stagehand: {error}", heals=True, code="engine")


def _attempt(config: BrowserConfig, ctx: Context, extracts: bool) -> Outcome:
    resumed = resumption.load(ctx)
    with _session(config, ctx, resumed) as (session, kept, engine), Watchdog(session, ctx):
        run = Run(session, ctx, understanding_for(config.engine, engine), ctx.save_artifact)
        if resumed is not None:
            run.answers = resumed.answers
            if kept:
                resumption.restore(run, resumed.state)
        performance = Performance(run, config.steps, resumed if kept else None)
        outcome = performance.play() or _done(run, performance, extracts)
        if isinstance(outcome, NeedsInput) and not parking.park(session, resumption.key_of(ctx)):
            logger.info("no browser is kept for the answer to task %s", ctx.task.id)
        return outcome


def _done(run: Run, performance: Performance, extracts: bool) -> Outcome:
    output = performance.output() | _facts(run)
    if extracts:
        output, summary = extraction_output(run.ctx, run.extractions, output)
        return Success(output, summary)
    return Success(output, f"Completed {len(performance.steps)} automation steps")


def _facts(run: Run) -> dict[str, Any]:
    session = run.session
    links = {"sessionId": session.session_id, "recordingUrl": session.recording_url}
    return {"browser": session.kind, "warm": session.warm, **{name: value for name, value in links.items() if value}}


@contextmanager
def _session(
    config: BrowserConfig, ctx: Context, resumed: resumption.Resumption | None
) -> Iterator[tuple[BrowserSession, bool, Engine | None]]:
    """The browser that was kept for the answer if there is one, else a fresh one; whether it was kept; its own engine."""
    if resumed is not None:
        with parking.taken_up(resumed.key) as kept:
            if kept is not None:
                yield kept, True, None
                return
    if config.engine == "stagehand" and is_installed() and llm.is_configured():
        with stagehand_session(ctx) as (session, engine):
            yield session, False, engine
        return
    with open_session(config.driver or settings.BROWSER_DRIVER, ctx) as session:
        yield session, False, None
