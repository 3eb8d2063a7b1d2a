"""webhook_activity: what came in through the channels, what went out, and whether it arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from reports import facts, tally
from reports.document import Chart, Column, Metric, Shape, Table, Unit, share
from reports.kinds.base import Kind
from reports.queries import Count, Reader, Spread
from reports.words import human

IN_STATES = ("processed", "ignored", "unusable", "failed", "received")
WAITING = ("pending", "sending", "held")


@dataclass(frozen=True)
class Figures:
    """What one period holds."""

    received: list[Count]
    sent: list[Count]
    tries: list[Count]
    times: dict[str, Spread]

    @property
    def made_tasks(self) -> int:
        """Messages that became a task."""
        return sum(c.n for c in self.received if c.cause == "task")

    @property
    def delivered_rate(self) -> float | None:
        """Of the messages whose fate is known, the share that was delivered."""
        good = tally.total(self.sent, "delivered")
        return share(good, good + tally.total(self.sent, "dead"))


def figures(reader: Reader) -> Figures:
    """Reads a period."""
    return Figures(
        reader.counts(facts.INBOUND),
        reader.counts(facts.OUTBOUND),
        reader.counts(facts.DELIVERY),
        reader.spreads(facts.OUTBOUND, ["delivered"]),
    )


class WebhookActivity(Kind):
    """Messages by channel and outcome."""

    type: ClassVar[str] = "webhook_activity"
    title: ClassVar[str] = "Channel activity"
    about: ClassVar[str] = "Messages in and out by channel, outcome and day; deliveries."

    def subjects(self) -> Sequence[str]:
        """The channels asked for."""
        return [str(channel) for channel in self.wish.channels]

    def filters(self) -> list[str]:
        """The channels, by name."""
        named = [self._name(subject) for subject in self.subjects()]
        return [f"Channels: {', '.join(named)}"] if named else []

    @cached_property
    def here(self) -> Figures:
        """This period."""
        return figures(self.now)

    @cached_property
    def then(self) -> Figures:
        """The period before."""
        return figures(self.before)

    def metrics(self) -> list[Metric]:
        """The headline figures."""
        a, b = self.here, self.then
        x, y = a.times[""], b.times[""]
        total, again = tally.total, tally.repeated
        return [
            Metric("received", "Received", total(a.received), total(b.received)),
            Metric("madeTasks", "Became tasks", a.made_tasks, b.made_tasks),
            Metric("notUnderstood", "Not usable", _bad(a.received), _bad(b.received), good="down"),
            Metric("duplicates", "Sent to us twice", again(a.received), again(b.received)),
            Metric("sent", "To be sent", total(a.sent), total(b.sent)),
            Metric("delivered", "Delivered", total(a.sent, "delivered"), total(b.sent, "delivered"), good="up"),
            Metric("dead", "Given up", total(a.sent, "dead"), total(b.sent, "dead"), good="down"),
            Metric("waiting", "Still waiting", total(a.sent, *WAITING), total(b.sent, *WAITING)),
            Metric("deliveryRate", "Delivery rate", a.delivered_rate, b.delivered_rate, Unit.SHARE, "up"),
            Metric("deliveryP50", "Median time to deliver", x.p50, y.p50, Unit.MS, "down"),
            Metric("deliveryP95", "95 % within", x.p95, y.p95, Unit.MS, "down"),
            Metric("tries", "Delivery attempts", total(a.tries), total(b.tries)),
        ]

    def tables(self) -> list[Table]:
        """The tables."""
        return [
            self._per_day(),
            self._inbound(),
            self._outbound(),
            self._events(),
            self._tries(),
            self._per_day_channel(),
        ]

    def notes(self) -> list[str]:
        """What the rate means."""
        return [
            "Delivery rate: messages delivered, of those delivered or given up.",
            "A message counts on the day it was written, whenever it arrives.",
            *super().notes(),
        ]

    def _name(self, subject: str) -> str:
        return self.wish.names.get(subject, f"Channel {subject}")

    def _per_day(self) -> Table:
        received = tally.by(tally.day_of, self.here.received)
        sent = tally.grid(tally.day_of, tally.outcome_of, self.here.sent)
        rows = []
        for day in self.wish.period.days():
            out = sent[day]
            waiting = sum(out[state] for state in WAITING)
            rows.append((day, received[day], out["delivered"], out["dead"], waiting))
        columns = [
            Column("day", "Day", Unit.DAY),
            Column("received", "Received"),
            Column("delivered", "Delivered"),
            Column("dead", "Given up"),
            Column("waiting", "Waiting"),
        ]
        chart = Chart(Shape.LINES, "day", ("received", "delivered", "dead"))
        return Table("perDay", "Per day", columns, rows, chart)

    def _inbound(self) -> Table:
        found = tally.grid(tally.subject_of, tally.outcome_of, self.here.received)
        tasks = tally.by(tally.subject_of, [c for c in self.here.received if c.cause == "task"])
        rows = [
            (self._name(channel), sum(states.values()), tasks[channel], *(states[state] for state in IN_STATES))
            for channel, states in sorted(found.items(), key=lambda item: self._name(item[0]))
        ]
        columns = [
            Column("channel", "Channel", Unit.TEXT),
            Column("messages", "Messages"),
            Column("tasks", "Became tasks"),
            *(Column(state, human(state)) for state in IN_STATES),
        ]
        title = "Received, by channel and outcome"
        chart = Chart(Shape.BARS, "channel", IN_STATES)
        return Table("inboundByChannel", title, columns, rows, chart, "Nothing came in.")

    def _outbound(self) -> Table:
        found = tally.grid(tally.subject_of, tally.outcome_of, self.here.sent)
        rows = []
        for channel, states in sorted(found.items(), key=lambda item: self._name(item[0])):
            good, dead = states["delivered"], states["dead"]
            waiting, time = sum(states[s] for s in WAITING), self.here.times.get(channel, Spread())
            fates = (good, dead, waiting, states["cancelled"], share(good, good + dead))
            rows.append((self._name(channel), sum(states.values()), *fates, time.p50, time.p95))
        columns = [
            Column("channel", "Channel", Unit.TEXT),
            Column("messages", "Messages"),
            Column("delivered", "Delivered"),
            Column("dead", "Given up"),
            Column("waiting", "Waiting"),
            Column("cancelled", "Cancelled"),
            Column("deliveryRate", "Delivery rate", Unit.SHARE),
            Column("p50", "Median time", Unit.MS),
            Column("p95", "95 % within", Unit.MS),
        ]
        title = "Sent, by channel and outcome"
        chart = Chart(Shape.BARS, "channel", ("delivered", "dead", "waiting"))
        return Table("outboundByChannel", title, columns, rows, chart, "Nothing was to be sent.")

    def _events(self) -> Table:
        found = tally.grid(tally.cause_of, tally.outcome_of, self.here.sent)
        rows = [(event, sum(s.values()), s["delivered"], s["dead"]) for event, s in sorted(found.items())]
        columns = [
            Column("eventType", "Event", Unit.TEXT),
            Column("messages", "Messages"),
            Column("delivered", "Delivered"),
            Column("dead", "Given up"),
        ]
        return Table("outboundByEvent", "Sent, by event", columns, rows, empty="Nothing was to be sent.")

    def _tries(self) -> Table:
        found, whole = tally.by(lambda c: (c.outcome, c.cause), self.here.tries), tally.total(self.here.tries)
        rows = [(human(end), cause or "no answer", n, share(n, whole)) for (end, cause), n in found.most_common()]
        columns = [
            Column("outcome", "Outcome", Unit.TEXT),
            Column("answer", "Answer", Unit.TEXT),
            Column("count", "Attempts"),
            Column("share", "Share", Unit.SHARE),
        ]
        return Table("deliveryAttempts", "Delivery attempts", columns, rows, empty="Nothing was tried.")

    def _per_day_channel(self) -> Table:
        received = tally.by(lambda c: (c.day, c.subject), self.here.received)
        sent = tally.grid(lambda c: (c.day, c.subject), tally.outcome_of, self.here.sent)
        rows = []
        for day, channel in sorted({*received, *sent}):
            out = sent[(day, channel)]
            total = sum(out.values())
            rows.append((day, self._name(channel), received[(day, channel)], total, out["delivered"]))
        columns = [
            Column("day", "Day", Unit.DAY),
            Column("channel", "Channel", Unit.TEXT),
            Column("received", "Received"),
            Column("sent", "To be sent"),
            Column("delivered", "Delivered"),
        ]
        return Table("perDayAndChannel", "Per day and channel", columns, rows)


def _bad(counts: list[Count]) -> int:
    return tally.total(counts, "unusable", "failed")
