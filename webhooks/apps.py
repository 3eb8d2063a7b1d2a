"""The webhooks app: channels, the inbox and the outbox."""

from __future__ import annotations

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Registers its executors with tasks and listens to what tasks tell."""

    name = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Channels"

    def ready(self) -> None:
        """The same door that third-party plugins use."""
        from tasks import invariants as tasks_invariants
        from tasks.executors import registry
        from webhooks import console, invariants, receivers, review_mail, task_panel, worker  # noqa: F401  connects the receivers; hooks the loops into io workers
        from webhooks.executors.telling import NotificationExecutor, ReminderExecutor

        tasks_invariants.register(*invariants.MESSAGES)
        console.register()
        task_panel.register()
        registry.register(NotificationExecutor)
        registry.register(ReminderExecutor)
