"""How browser work can go wrong, in words a person can act on."""

from __future__ import annotations

from typing import Any


class BrowserError(Exception):
    """A step failed. `heals` says whether a later try can succeed; `code` names the class of failure."""

    code = "browser"
    heals = True

    def __init__(self, message: str, *, heals: bool | None = None, code: str | None = None) -> None:
        super().__init__(message)
        if heals is not None:
            self.heals = heals
        if code is not None:
            self.code = code


class BrowserUnavailable(BrowserError):
    """No browser can be started or reached here; the message says what to install or set."""

    code = "browser_unavailable"


class SessionBroken(BrowserError):
    """The driver or the browser no longer answers: the session must not be used again."""

    code = "session_broken"


class StepTimedOut(BrowserError):
    """What the step waited for did not come in its time."""

    code = "timeout"


class NavigationFailed(BrowserError):
    """The page could not be loaded."""

    code = "navigation_failed"


class NavigationRefused(BrowserError):
    """The address is one a browser here may not open."""

    code = "target_not_allowed"
    heals = False


class ElementNotFound(BrowserError):
    """A selector matches nothing visible."""

    code = "element_not_found"


class StepFailed(BrowserError):
    """The page was there, and the step could not be done on it."""

    code = "step_failed"


class AssertionFailed(BrowserError):
    """An assert step found something else than it expected."""

    code = "assertion_failed"


class TooBusy(BrowserError):
    """Every browser slot is taken; the task goes back unharmed."""

    code = "busy"


class Unsure(BrowserError):
    """No element fits the instruction well enough to act on. `candidates` are the best, strongest first."""

    code = "ambiguous"

    def __init__(self, message: str, candidates: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.candidates = candidates


class PersonNeeded(BrowserError):
    """The page wants something only a person has: `kind` is login_code or captcha."""

    code = "person_needed"

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind
