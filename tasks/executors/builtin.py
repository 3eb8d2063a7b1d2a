"""The task types this app performs itself. webhooks and reports register theirs in their own AppConfig."""

from __future__ import annotations


def register_all() -> None:
    """Registers the executors that live in tasks/executors."""
    from tasks.executors import registry
    from tasks.executors.api_call import ApiCall
    from tasks.executors.browser.executors import BrowserAutomation, DataExtraction
    from tasks.executors.ghl.action import GhlAction

    registry.register(ApiCall)
    registry.register(BrowserAutomation)
    registry.register(DataExtraction)
    registry.register(GhlAction)
