"""What the report pages ask for."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from reports.build import KINDS
from reports.exports import FORMATS
from reports.period import Period, Span, between, of_span
from tasks.executors import registry
from webhooks.models import Webhook

CUSTOM = "custom"
SPANS = [(span.value, span.value.replace("_", " ").capitalize()) for span in Span] + [(CUSTOM, _("From … to …"))]
DAILY, WEEKLY, MONTHLY = "daily", "weekly", "monthly"
#: How often → the period each one covers, and the cron fields after minute and hour.
RHYTHMS = {
    DAILY: (Span.YESTERDAY, "* * *"),
    WEEKLY: (Span.LAST_WEEK, "* * 1"),
    MONTHLY: (Span.LAST_MONTH, "1 * *"),
}


def zone_now() -> ZoneInfo:
    """The zone of the reader, in which days begin."""
    zone = timezone.get_current_timezone()
    return zone if isinstance(zone, ZoneInfo) else ZoneInfo("UTC")


class ReportForm(forms.Form):
    """Which report, over which time, of what."""

    report = forms.ChoiceField(label=_("Report"), choices=[(kind.type, kind.title) for kind in KINDS.values()])
    period = forms.ChoiceField(label=_("Period"), choices=SPANS, initial=Span.LAST_30_DAYS.value)
    start = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    end = forms.DateField(
        label=_("To"),
        required=False,
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
        help_text=_("That day included."),
    )
    types = forms.MultipleChoiceField(label=_("Task types"), required=False)
    channels = forms.ModelMultipleChoiceField(
        label=_("Channels"), required=False, queryset=Webhook.objects.order_by("name")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        types: Any = self.fields["types"]
        types.choices = [(name, executor.label) for name, executor in registry.known().items()]

    def clean(self) -> dict[str, Any]:
        """A period of one's own needs both ends, in order."""
        data = super().clean() or {}
        if data.get("period") == CUSTOM:
            for name in ("start", "end"):
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, _("Choose a day"))
            if not self.errors:
                self._check_range(data)
        return data

    def _check_range(self, data: dict[str, Any]) -> None:
        try:
            self._between(data)
        except (ValueError, OverflowError):
            self.add_error("end", _("The last day must not lie before the first, nor more than ten years after it"))

    def _between(self, data: dict[str, Any]) -> Period:
        zone = zone_now()
        start = dt.datetime.combine(data["start"], dt.time(), zone)
        return between(start, dt.datetime.combine(data["end"] + dt.timedelta(days=1), dt.time(), zone), zone)

    def covers(self) -> Period:
        """The period asked for. After is_valid()."""
        data = self.cleaned_data
        if data["period"] == CUSTOM:
            return self._between(data)
        return of_span(Span(data["period"]), timezone.now(), zone_now())


class ScheduleForm(forms.Form):
    """A report that makes and sends itself."""

    report = forms.ChoiceField(label=_("Report"), choices=[(kind.type, kind.title) for kind in KINDS.values()])
    name = forms.CharField(label=_("Name"), max_length=180)
    rhythm = forms.ChoiceField(
        label=_("How often"),
        choices=[
            (DAILY, _("Every day, about yesterday")),
            (WEEKLY, _("Every Monday, about last week")),
            (MONTHLY, _("On the first of the month, about last month")),
        ],
    )
    at = forms.TimeField(label=_("At"), initial="08:00", widget=forms.TimeInput({"type": "time"}, "%H:%M"))
    channel = forms.ModelChoiceField(
        label=_("Through"),
        required=False,
        queryset=Webhook.objects.filter(sends_outbound=True, is_active=True).order_by("name"),
        empty_label=_("The site's mail"),
    )
    recipient = forms.CharField(
        label=_("To"),
        max_length=300,
        initial="owner",
        help_text=_("owner, or an address of the channel's kind: an e-mail address, a phone number."),
    )
    format = forms.ChoiceField(label=_("Keep as"), choices=[(name, name.upper()) for name in FORMATS], initial="xlsx")
    types = forms.MultipleChoiceField(required=False, widget=forms.MultipleHiddenInput)
    channels = forms.ModelMultipleChoiceField(
        required=False, queryset=Webhook.objects.all(), widget=forms.MultipleHiddenInput
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        types: Any = self.fields["types"]
        types.choices = [(name, name) for name in registry.known()]

    def clean_recipient(self) -> str:
        """One line."""
        value = self.cleaned_data["recipient"].strip()
        if not value.isprintable() or re.search(r"[,;]", value):
            raise forms.ValidationError(_("Expected owner or one address"))
        return value
