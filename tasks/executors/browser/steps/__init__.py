"""What each kind of step does. A performer gets the run and the step, acts, and returns what the record shows."""

from __future__ import annotations

from tasks.executors.browser.steps import acting, files, pages, reading, windows
from tasks.executors.browser.steps.registry import PERFORMERS, perform

__all__ = ["PERFORMERS", "acting", "files", "pages", "perform", "reading", "windows"]
