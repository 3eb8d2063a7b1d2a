"""task_summary: how many tasks came, what became of them, and how people kept up."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import ClassVar

from reports import facts, tally
from reports.document import Chart, Column, Metric, Shape, Table, Unit, share
from reports.kinds.base import Kind
from reports.queries import Count, Reader, Spread
from reports.words import human
from tasks.states import Status

ENDS = ("completed", "failed", "cancelled")


class Figures:
    """What one period holds, each read when it is first asked for: other reports want a part of it."""

    def __init__(self, reader: Reader, now: dt.datetime) -> None:
        self._reader, self._now = reader, now

    @cached_property
    def created(self) -> list[Count]:
        """Tasks created."""
        return self._reader.counts(facts.TASK)

    @cached_property
    def ended(self) -> list[Count]:
        """Tasks that ended."""
        return self._reader.counts(facts.ENDED)

    @cached_property
    def deadlines(self) -> list[Count]:
        """Deadlines up to now: one that lies ahead is no breach."""
        until_now = Reader(self._reader.period.until(self._now), self._reader.subjects)
        return until_now.counts(facts.DEADLINE) if until_now.period.start < until_now.period.end else []

    @cached_property
    def reviews(self) -> list[Count]:
        """Decisions of people."""
        return self._reader.counts(facts.REVIEW)

    @cached_property
    def review_times(self) -> dict[str, Spread]:
        """How long decisions took, by type; "" holds all of them together."""
        return self._reader.spreads(facts.REVIEW)

    @property
    def review_time(self) -> Spread:
        """How long decisions took."""
        return self.review_times[""]

    @cached_property
    def lead_time(self) -> Spread:
        """From the making of a task to its completion."""
        return self._reader.spreads(facts.ENDED, ["completed"])[""]

    @property
    def breached(self) -> int:
        """Deadlines that passed before the work was done."""
        return tally.total(self.deadlines, "missed", "open")

    @property
    def success_rate(self) -> float | None:
        """Of the tasks that ended by completing or failing, the share that completed."""
        done = tally.total(self.ended, "completed")
        return share(done, done + tally.total(self.ended, "failed"))

    @property
    def completion_rate(self) -> float | None:
        """Of the tasks created in the period, the share that is completed by now."""
        return share(tally.total(self.created, "completed"), tally.total(self.created))


class TaskSummary(Kind):
    """Tasks by status and type."""

    type: ClassVar[str] = "task_summary"
    title: ClassVar[str] = "Task summary"
    about: ClassVar[str] = "Tasks by status, type and day; reviews and deadlines."

    @cached_property
    def here(self) -> Figures:
        """This period."""
        return Figures(self.now, self.wish.now)

    @cached_property
    def then(self) -> Figures:
        """The period before."""
        return Figures(self.before, self.wish.now)

    def metrics(self) -> list[Metric]:
        """The headline figures."""
        a, b = self.here, self.then
        total = tally.total
        return [
            Metric("created", "Tasks created", total(a.created), total(b.created)),
            Metric("completed", "Completed", total(a.ended, "completed"), total(b.ended, "completed"), good="up"),
            Metric("failed", "Failed", total(a.ended, "failed"), total(b.ended, "failed"), good="down"),
            Metric("cancelled", "Cancelled", total(a.ended, "cancelled"), total(b.ended, "cancelled")),
            Metric("completionRate", "Completion rate", a.completion_rate, b.completion_rate, Unit.SHARE, "up"),
            Metric("successRate", "Success rate", a.success_rate, b.success_rate, Unit.SHARE, "up"),
            Metric("leadTimeP50", "Median time to done", a.lead_time.p50, b.lead_time.p50, Unit.MS, "down"),
            Metric("reviewed", "Reviews", total(a.reviews), total(b.reviews)),
            Metric("reviewLatencyP50", "Median review wait", a.review_time.p50, b.review_time.p50, Unit.MS, "down"),
            Metric("reviewLatencyP95", "95 % reviewed within", a.review_time.p95, b.review_time.p95, Unit.MS, "down"),
            Metric("slaBreaches", "Deadlines missed", a.breached, b.breached, good="down"),
        ]

    def tables(self) -> list[Table]:
        """The tables."""
        return [
            self._per_day(),
            self._by_status(),
            self._by_type(),
            self._per_day_and_type(),
            self._by_source(),
            self._reviews(),
            self._deadlines(),
        ]

    def notes(self) -> list[str]:
        """What the two rates mean."""
        return [
            "Completion rate: of the tasks created in this period, the share that is completed by now.",
            "Success rate: of the tasks that completed or failed in this period, the share that completed.",
            *super().notes(),
        ]

    def _per_day(self) -> Table:
        created = tally.by(tally.day_of, self.here.created)
        ended = tally.grid(tally.day_of, tally.outcome_of, self.here.ended)
        rows = [(day, created[day], *(ended[day][end] for end in ENDS)) for day in self.wish.period.days()]
        columns = [Column("day", "Day", Unit.DAY), Column("created", "Created"), *_ends()]
        return Table("perDay", "Per day", columns, rows, Chart(Shape.STACKED_DAYS, "day", ENDS))

    def _by_status(self) -> Table:
        found, whole = tally.by(tally.outcome_of, self.here.created), tally.total(self.here.created)
        rows = [(human(s), s.value, found[s.value], share(found[s.value], whole)) for s in Status if found[s.value]]
        columns = [
            Column("label", "Status now", Unit.TEXT),
            Column("status", "Code", Unit.CODE),
            Column("count", "Tasks"),
            Column("share", "Share", Unit.SHARE),
        ]
        title = "Tasks created in this period, by status"
        return Table("byStatus", title, columns, rows, Chart(Shape.BARS, "label", ("count",)))

    def _by_type(self) -> Table:
        created = tally.grid(tally.subject_of, tally.outcome_of, self.here.created)
        ended = tally.grid(tally.subject_of, tally.outcome_of, self.here.ended)
        rows = []
        for kind in sorted({*created, *ended}):
            made, done = created[kind], ended[kind]
            completed, failed = done["completed"], done["failed"]
            waiting = sum(n for status, n in made.items() if status not in ENDS)
            rate = share(completed, completed + failed)
            rows.append((kind, sum(made.values()), completed, failed, done["cancelled"], waiting, rate))
        columns = [
            Column("taskType", "Type", Unit.TEXT),
            Column("created", "Created"),
            *_ends(),
            Column("open", "Still open"),
            Column("successRate", "Success rate", Unit.SHARE),
        ]
        return Table("byType", "By type", columns, rows, Chart(Shape.BARS, "taskType", ENDS))

    def _per_day_and_type(self) -> Table:
        created = tally.by(lambda c: (c.day, c.subject), self.here.created)
        ended = tally.grid(lambda c: (c.day, c.subject), tally.outcome_of, self.here.ended)
        rows = []
        for day, kind in sorted({*created, *ended}):
            done = ended[(day, kind)]
            rows.append((day, kind, created[(day, kind)], *(done[end] for end in ENDS)))
        columns = [Column("day", "Day", Unit.DAY), Column("taskType", "Type", Unit.TEXT), Column("created", "Created")]
        return Table("perDayAndType", "Per day and type", [*columns, *_ends()], rows)

    def _by_source(self) -> Table:
        found = tally.grid(tally.cause_of, tally.outcome_of, self.here.created)
        rows = [(human(source), sum(states.values()), states["completed"]) for source, states in sorted(found.items())]
        columns = [Column("source", "Came from", Unit.TEXT), Column("created", "Created"), _ends()[0]]
        return Table("bySource", "By source", columns, rows)

    def _reviews(self) -> Table:
        found = tally.grid(tally.subject_of, tally.outcome_of, self.here.reviews)
        waits = self.here.review_times
        rows = []
        for kind, decided in sorted(found.items()):
            wait = waits.get(kind, Spread())
            rows.append((kind, decided["approved"], decided["rejected"], wait.p50, wait.p95, wait.longest))
        columns = [
            Column("taskType", "Type", Unit.TEXT),
            Column("approved", "Approved"),
            Column("rejected", "Rejected"),
            Column("p50", "Median wait", Unit.MS),
            Column("p95", "95 % within", Unit.MS),
            Column("max", "Longest", Unit.MS),
        ]
        return Table("reviews", "Reviews", columns, rows, empty="Nothing was reviewed.")

    def _deadlines(self) -> Table:
        found = tally.grid(tally.subject_of, tally.outcome_of, self.here.deadlines)
        rows = []
        for kind, ends in sorted(found.items()):
            late = ends["missed"] + ends["open"]
            rows.append((kind, ends["met"], ends["missed"], ends["open"], share(ends["met"], ends["met"] + late)))
        columns = [
            Column("taskType", "Type", Unit.TEXT),
            Column("met", "Met"),
            Column("missed", "Done too late or failed"),
            Column("open", "Overdue, still open"),
            Column("metRate", "Met", Unit.SHARE),
        ]
        return Table("deadlines", "Deadlines", columns, rows, empty="No deadline fell into this period.")


def _ends() -> list[Column]:
    return [Column("completed", "Completed"), Column("failed", "Failed"), Column("cancelled", "Cancelled")]
