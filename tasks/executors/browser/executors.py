"""browser_automation and data_extraction as the life of a task sees them: what they will do, and on whose account."""

from __future__ import annotations

from typing import Any, ClassVar

from agency.http import host_of
from tasks.executors.base import Context, Effect, Executor, Outcome, Preview
from tasks.executors.browser.config import BrowserConfig, ExtractionConfig
from tasks.executors.browser.step_config import Click, Navigate, Step, Type, Upload


class BrowserAutomation(Executor[BrowserConfig]):
    """Steps in a browser."""

    type = "browser_automation"
    label = "Browser automation"
    Config: ClassVar[Any] = BrowserConfig
    queue = "browser"
    default_timeout_s = 120.0

    def timeout_s(self, config: BrowserConfig) -> float:
        """The task's own limit."""
        return config.timeout / 1000

    def effect(self, config: BrowserConfig) -> Effect:
        """What acts on a page may not happen twice; which of its clicks must not is decided on the page."""
        return Effect.ONCE if any(_may_write(step) for step in config.steps) else Effect.READ

    def target(self, config: BrowserConfig) -> str:
        """The hosts that are opened."""
        return ", ".join(dict.fromkeys(self.hosts(config)))

    def hosts(self, config: BrowserConfig) -> list[str]:
        """Typed secrets are for the hosts that are opened."""
        urls = [step.url for step in config.steps if isinstance(step, Navigate)]
        return list(dict.fromkeys(host_of(url) for url in urls))

    def artifacts(self, config: BrowserConfig) -> list[tuple[str, int]]:
        """The files it uploads."""
        spelling = "automationSteps" if config.automation_steps else "browserActions"
        return [
            (f"{spelling}/{n}", step.artifact)
            for n, step in enumerate(config.steps)
            if isinstance(step, Upload) and step.artifact is not None
        ]

    def review_reasons(self, config: BrowserConfig) -> list[str]:
        """A task that signs in acts in somebody's name."""
        return (
            ["It signs in with a stored secret"] if any(isinstance(s, Type) and s.secret for s in config.steps) else []
        )

    def preview(self, config: BrowserConfig) -> Preview:
        """The steps in plain words."""
        hosts = self.target(config) or "a page"
        details = [(f"Step {n + 1}", _in_words(step)) for n, step in enumerate(config.steps)]
        writes = sum(_may_write(step) for step in config.steps)
        risks = [f"{writes} of its steps may change something"] if writes else []
        return Preview(f"{self._verb} in a browser on {hosts} ({len(config.steps)} steps)", details, risks)

    _verb = "Acts"

    #: Whether data is the purpose: the output is then records, a CSV file and a diff.
    extracts: ClassVar[bool] = False

    def run(self, config: BrowserConfig, ctx: Context) -> Outcome:
        """Does the steps in a browser of the asked kind."""
        # Selenium and all that belongs to it is loaded by the worker that needs it, not by every process.
        from tasks.executors.browser.attempting import attempt

        return attempt(config, ctx, extracts=self.extracts)


class DataExtraction(BrowserAutomation):
    """Steps in a browser whose purpose is data."""

    type = "data_extraction"
    label = "Data extraction"
    Config: ClassVar[Any] = ExtractionConfig
    _verb = "Reads data"
    extracts = True

    def effect(self, config: BrowserConfig) -> Effect:
        """Reading, unless a step says that it must not happen twice."""
        once = any(isinstance(step, Click) and step.once for step in config.steps)
        return (
            Effect.ONCE if once or any(isinstance(step, Type) and step.secret for step in config.steps) else Effect.READ
        )


def _may_write(step: Step) -> bool:
    return step.writes and getattr(step, "once", None) is not False


def _in_words(step: Step) -> str:
    said = step.says()
    if isinstance(step, Type):
        said += ": a stored secret" if step.secret else f": {str(step.value)[:80]!r}"
    return said
