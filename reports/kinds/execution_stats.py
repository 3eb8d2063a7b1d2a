"""execution_stats: how the attempts went, how long they took, what they failed of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from reports import facts, tally
from reports.document import Chart, Column, Metric, Shape, Table, Unit, share
from reports.kinds import task_summary
from reports.kinds.base import Kind
from reports.queries import Count, Reader, Spread
from reports.words import human

#: Attempts that ran to an end of their own: what durations are measured over.
RAN = ("success", "failed", "timed_out")
FAILURES = ("failed", "timed_out", "lost")
#: Beyond so many days a median for each says little and costs most of the report; the table says so.
MOST_DAYS = 366
OTHER = ("handed_back", "waiting_input", "cancelled")


@dataclass(frozen=True)
class Figures:
    """What one period holds."""

    attempts: list[Count]
    times: dict[str, Spread]

    @property
    def success_rate(self) -> float | None:
        """Of the attempts that succeeded or failed, the share that succeeded."""
        good = tally.total(self.attempts, "success")
        return share(good, good + tally.total(self.attempts, *FAILURES))


def figures(reader: Reader) -> Figures:
    """Reads a period."""
    return Figures(reader.counts(facts.ATTEMPT), reader.spreads(facts.ATTEMPT, RAN))


class ExecutionStats(Kind):
    """Success rates and performance of the attempts."""

    type: ClassVar[str] = "execution_stats"
    title: ClassVar[str] = "Execution statistics"
    about: ClassVar[str] = "Attempts, success rates, durations, retries and causes of failure."

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
        people = [task_summary.Figures(reader, self.wish.now) for reader in (self.now, self.before)]
        waits = [period.review_time for period in people]
        return [
            Metric("attempts", "Attempts", total(a.attempts), total(b.attempts)),
            Metric("succeeded", "Succeeded", total(a.attempts, "success"), total(b.attempts, "success"), good="up"),
            Metric("failed", "Failed", total(a.attempts, *FAILURES), total(b.attempts, *FAILURES), good="down"),
            Metric("successRate", "Success rate", a.success_rate, b.success_rate, Unit.SHARE, "up"),
            Metric("durationP50", "Median duration", x.p50, y.p50, Unit.MS, "down"),
            Metric("durationP95", "95 % within", x.p95, y.p95, Unit.MS, "down"),
            Metric("durationMax", "Longest", x.longest, y.longest, Unit.MS, "down"),
            Metric("retries", "Retries", again(a.attempts), again(b.attempts), good="down"),
            Metric(
                "timedOut", "Timed out", total(a.attempts, "timed_out"), total(b.attempts, "timed_out"), good="down"
            ),
            Metric("lost", "Workers lost", total(a.attempts, "lost"), total(b.attempts, "lost"), good="down"),
            Metric("reviewLatencyP50", "Median review wait", waits[0].p50, waits[1].p50, Unit.MS, "down"),
            Metric("slaBreaches", "Deadlines missed", people[0].breached, people[1].breached, good="down"),
        ]

    def tables(self) -> list[Table]:
        """The tables."""
        return [
            self._per_day(),
            self._durations_per_day(),
            self._by_type(),
            self._by_status(),
            self._causes(),
            self._causes_by_type(),
            self._per_day_and_type(),
        ]

    def notes(self) -> list[str]:
        """What is counted."""
        return [
            "Success rate: attempts that succeeded, of those that succeeded, failed, timed out or lost their worker.",
            "Durations are those of attempts that ran to an end of their own.",
            *super().notes(),
        ]

    def _per_day(self) -> Table:
        found = tally.grid(tally.day_of, tally.outcome_of, self.here.attempts)
        rows = []
        for day in self.wish.period.days():
            ends = found[day]
            good, bad = ends["success"], sum(ends[end] for end in FAILURES)
            rows.append((day, good, bad, sum(ends[end] for end in OTHER), share(good, good + bad)))
        columns = [
            Column("day", "Day", Unit.DAY),
            Column("success", "Succeeded"),
            Column("failed", "Failed"),
            Column("other", "Handed back or asked"),
            Column("successRate", "Success rate", Unit.SHARE),
        ]
        return Table(
            "perDay", "Per day", columns, rows, Chart(Shape.STACKED_DAYS, "day", ("success", "failed", "other"))
        )

    def _durations_per_day(self) -> Table:
        days = self.wish.period.days()
        shown = days if len(days) <= MOST_DAYS else []
        found = self.now.spreads(facts.ATTEMPT, RAN, by_day=True) if shown else {}
        rows = []
        for day in shown:
            spread = found.get(day.isoformat(), Spread())
            rows.append((day, spread.measured, spread.p50, spread.p95, spread.longest))
        columns = [Column("day", "Day", Unit.DAY), Column("measured", "Attempts"), *_durations()]
        chart = Chart(Shape.LINES, "day", ("p50", "p95"))
        title, empty = "Durations per day", f"Shown for periods of up to {MOST_DAYS} days."
        return Table("durationsPerDay", title, columns, rows, chart, empty)

    def _by_type(self) -> Table:
        found = tally.grid(tally.subject_of, tally.outcome_of, self.here.attempts)
        again = {kind: tally.repeated(c for c in self.here.attempts if c.subject == kind) for kind in found}
        rows = []
        for kind, ends in sorted(found.items()):
            good, bad = ends["success"], sum(ends[end] for end in FAILURES)
            time = self.here.times.get(kind, Spread())
            figures_of = (sum(ends.values()), good, bad, share(good, good + bad), again[kind])
            rows.append((kind, *figures_of, time.p50, time.p95, time.longest))
        columns = [
            Column("taskType", "Type", Unit.TEXT),
            Column("attempts", "Attempts"),
            Column("success", "Succeeded"),
            Column("failed", "Failed"),
            Column("successRate", "Success rate", Unit.SHARE),
            Column("retries", "Retries"),
            *_durations(),
        ]
        return Table("byType", "By type", columns, rows, Chart(Shape.BARS, "taskType", ("success", "failed")))

    def _by_status(self) -> Table:
        found, whole = tally.by(tally.outcome_of, self.here.attempts), tally.total(self.here.attempts)
        rows = [(human(end), end, n, share(n, whole)) for end, n in found.most_common()]
        columns = [
            Column("label", "Outcome", Unit.TEXT),
            Column("status", "Code", Unit.CODE),
            Column("count", "Attempts"),
            Column("share", "Share", Unit.SHARE),
        ]
        return Table("byStatus", "By outcome", columns, rows, Chart(Shape.BARS, "label", ("count",)))

    @property
    def _failed(self) -> list[Count]:
        return [c for c in self.here.attempts if c.outcome in FAILURES]

    def _causes(self) -> Table:
        found, whole = tally.by(lambda c: c.cause or c.outcome, self._failed), tally.total(self._failed)
        rows = [(human(cause), cause, n, share(n, whole)) for cause, n in found.most_common()]
        columns = [
            Column("label", "Cause", Unit.TEXT),
            Column("cause", "Code", Unit.CODE),
            Column("count", "Attempts"),
            Column("share", "Share", Unit.SHARE),
        ]
        chart = Chart(Shape.BARS, "label", ("count",))
        return Table("failuresByCause", "Causes of failure", columns, rows, chart, "Nothing failed.")

    def _causes_by_type(self) -> Table:
        found, whole = tally.by(lambda c: (c.cause or c.outcome, c.subject), self._failed), tally.total(self._failed)
        rows = [(human(cause), cause, kind, n, share(n, whole)) for (cause, kind), n in found.most_common()]
        columns = [
            Column("label", "Cause", Unit.TEXT),
            Column("cause", "Code", Unit.CODE),
            Column("taskType", "Type", Unit.TEXT),
            Column("count", "Attempts"),
            Column("share", "Share", Unit.SHARE),
        ]
        return Table("failuresByCauseAndType", "Causes of failure by type", columns, rows, empty="Nothing failed.")

    def _per_day_and_type(self) -> Table:
        found = tally.grid(lambda c: (c.day, c.subject), tally.outcome_of, self.here.attempts)
        rows = []
        for (day, kind), ends in sorted(found.items()):
            good, bad = ends["success"], sum(ends[end] for end in FAILURES)
            rows.append((day, kind, sum(ends.values()), good, bad, share(good, good + bad)))
        columns = [
            Column("day", "Day", Unit.DAY),
            Column("taskType", "Type", Unit.TEXT),
            Column("attempts", "Attempts"),
            Column("success", "Succeeded"),
            Column("failed", "Failed"),
            Column("successRate", "Success rate", Unit.SHARE),
        ]
        return Table("perDayAndType", "Per day and type", columns, rows)


def _durations() -> list[Column]:
    return [
        Column("p50", "Median", Unit.MS),
        Column("p95", "95 % within", Unit.MS),
        Column("max", "Longest", Unit.MS),
    ]
