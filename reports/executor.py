"""report_generation: a report as a task, so that it can be scheduled, reviewed, kept and sent."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.utils import timezone as clock
from pydantic import AwareDatetime, Field, field_validator, model_validator

from reports import exports, text
from reports.build import KINDS, report
from reports.document import Report
from reports.period import Period, Span, between, of_span
from tasks.executors.base import Config, Context, Effect, Executor, Failed, Outcome, Preview, Success
from webhooks.executors.telling import Recipient
from webhooks.notify import OWNER, NoChannel, Wish, tell
from webhooks.outbound.notes import Note, task_link

#: Reports count everybody's work, so only people who may look at reports have them made.
PERMISSION = "reports.view_rollup"
DEFAULT_SPAN = Span.LAST_30_DAYS
ChannelId = Annotated[int, Field(gt=0, lt=2**63)]


class Coverage(Config):
    """Which time and what of it: startDate and endDate, or a `period` that moves with the calendar."""

    start_date: AwareDatetime | None = None
    end_date: AwareDatetime | None = None
    period: Span | None = None
    timezone: Annotated[str, Field(max_length=64)] = "UTC"
    task_types: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=50)] = []
    channels: Annotated[list[ChannelId], Field(max_length=100)] = []
    format: Literal["json", "csv", "xlsx"] = "json"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (LookupError, ValueError, OSError):
            raise ValueError(f"timezone {name!r} is not known; expected a name like Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _one_period(self) -> Coverage:
        if self.period is not None and (self.start_date or self.end_date):
            raise ValueError("give startDate and endDate, or period, not both")
        if (self.start_date is None) != (self.end_date is None):
            missing = "startDate" if self.start_date is None else "endDate"
            raise ValueError(f"{missing} is required: startDate and endDate belong together")
        if self.start_date and self.end_date:
            between(self.start_date, self.end_date)
        return self

    def covers(self, now: dt.datetime) -> Period:
        """The period it means at `now`."""
        zone = ZoneInfo(self.timezone)
        if self.start_date and self.end_date:
            return between(self.start_date, self.end_date, zone)
        return of_span(self.period or DEFAULT_SPAN, now, zone)


class ReportConfig(Coverage):
    """executionConfig of report_generation."""

    report_type: Literal["task_summary", "execution_stats", "webhook_activity"]
    send_notification: bool = False
    recipient: Recipient = OWNER
    webhook_id: Annotated[
        ChannelId | None,
        Field(description="The channel that is told; by default the one the task came from, else the site's mail."),
    ] = None


class ReportGeneration(Executor[ReportConfig]):
    """Makes a report from the rollups, keeps it, and tells about it when asked to."""

    type: ClassVar[str] = "report_generation"
    label: ClassVar[str] = "Report generation"
    Config: ClassVar[Any] = ReportConfig
    default_timeout_s: ClassVar[float] = 120.0
    permission: ClassVar[str] = PERMISSION

    def effect(self, config: ReportConfig) -> Effect:
        """Reading is repeatable; the notification carries a key of its run, so that it is sent once."""
        return Effect.IDEMPOTENT if config.send_notification else Effect.READ

    def preview(self, config: ReportConfig) -> Preview:
        """What it will say about which time."""
        title = KINDS[config.report_type].title
        if config.period is None and config.start_date is not None:
            when = str(config.covers(config.start_date))
        else:
            when = (config.period or DEFAULT_SPAN).value.replace("_", " ")
        details = [("Report", title), ("Period", when), ("Time zone", config.timezone), ("Format", config.format)]
        if config.task_types:
            details.append(("Task types", ", ".join(config.task_types)))
        if config.channels:
            details.append(("Channels", ", ".join(map(str, config.channels))))
        if config.send_notification:
            details.append(("Told", config.recipient))
        sends = f" and sends its figures to {config.recipient}" if config.send_notification else ""
        return Preview(f"Makes the report “{title}” for {when}{sends}", details)

    def target(self, config: ReportConfig) -> str:
        """Who is told."""
        return f"{config.webhook_id or 'origin'}:{config.recipient}" if config.send_notification else ""

    def run(self, config: ReportConfig, ctx: Context) -> Outcome:
        """Builds, keeps and announces the report."""
        if not _may_still_look(ctx.task.created_by_id):
            return Failed(f"Whoever made this task no longer has the permission {PERMISSION}", code="not_allowed")
        ctx.record_step(0, 2, "Count", "running")
        made = report(
            config.report_type,
            config.covers(clock.now()),
            task_types=config.task_types,
            channels=config.channels,
        )
        ctx.record_step(0, 2, "Count", "success")
        ctx.check()
        output = {**made.as_json(), "format": config.format, "text": text.message(made)}
        output |= self._keep(made, config, ctx)
        if config.send_notification:
            try:
                output["notification"] = self._tell(made, config, ctx)
            except NoChannel as error:
                return Failed(str(error), code="no_channel", output=output)
        ctx.record_step(1, 2, "Keep and tell", "success")
        return Success(output, text.summary(made))

    def _tell(self, made: Report, config: ReportConfig, ctx: Context) -> dict[str, Any]:
        """Writes the message once per run: a second attempt finds the first one's."""
        note = Note(text.subject(made), text.message(made), link=task_link(ctx.task.id))
        wish = Wish(
            f"report:{ctx.idempotency_key()}", "report.ready", note, config.recipient, channel_id=config.webhook_id
        )
        message_id, channel = tell(ctx.task, wish)
        return {"messageId": message_id, "channel": channel.name, "recipient": config.recipient}

    def _keep(self, made: Report, config: ReportConfig, ctx: Context) -> dict[str, Any]:
        file = exports.export(made, config.format)
        return {"artifact": ctx.save_artifact(file.name, file.content_type, file.data)}


def _may_still_look(user_id: int | None) -> bool:
    """Asked again when it runs: between making and running a person may have left. Nobody means the system itself."""
    if user_id is None:
        return True
    user = get_user_model().objects.filter(pk=user_id).first()
    return user is not None and user.has_perm(PERMISSION)
