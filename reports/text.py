"""A report as a short message: what a person wants to read on a phone."""

from __future__ import annotations

from reports.document import Metric, Report, Unit
from reports.words import change, said

#: The figures worth a line, in their order; those without a value are left out.
HEADLINES = {
    "task_summary": ("created", "completed", "failed", "successRate", "leadTimeP50", "reviewLatencyP50", "slaBreaches"),
    "execution_stats": ("attempts", "successRate", "durationP50", "durationP95", "retries", "lost"),
    "webhook_activity": ("received", "madeTasks", "sent", "delivered", "dead", "deliveryRate", "deliveryP95"),
}
TOP_CAUSES = 3


def subject(report: Report) -> str:
    """One line: what and when."""
    return f"{report.title}: {report.period}"


def summary(report: Report) -> str:
    """One sentence with the main figures."""
    found = {metric.key: metric for metric in report.metrics}
    if report.type == "task_summary":
        parts = [f"{_n(found['created'], 'task')} created", f"{said(found['completed'].value, Unit.COUNT)} completed"]
        parts.append(f"{said(found['failed'].value, Unit.COUNT)} failed")
    elif report.type == "execution_stats":
        parts = [_n(found["attempts"], "attempt"), f"{said(found['succeeded'].value, Unit.COUNT)} succeeded"]
        parts.append(f"{said(found['failed'].value, Unit.COUNT)} failed")
    else:
        parts = [
            f"{_n(found['received'], 'message')} received",
            f"{said(found['delivered'].value, Unit.COUNT)} delivered",
        ]
        parts.append(f"{said(found['dead'].value, Unit.COUNT)} given up")
    return f"{report.title}, {report.period}: {', '.join(parts)}"


def message(report: Report) -> str:
    """The whole message, plain text."""
    found = {metric.key: metric for metric in report.metrics}
    lines = [subject(report), ""]
    for key in HEADLINES[report.type]:
        metric = found[key]
        if metric.value is not None:
            lines.append(_line(metric))
    lines += _causes(report)
    if report.filters:
        lines += ["", *report.filters]
    return "\n".join(lines)


def _line(metric: Metric) -> str:
    since = change(metric)
    return f"{metric.label}: {said(metric.value, metric.unit)}{f' ({since})' if since else ''}"


def _causes(report: Report) -> list[str]:
    table = next((t for t in report.tables if t.key == "failuresByCause"), None)
    if table is None or not table.rows:
        return []
    label, count = table.index("label"), table.index("count")
    top = [f"{row[label]} ({row[count]})" for row in table.rows[:TOP_CAUSES]]
    return ["", "Failed most of: " + ", ".join(top)]


def _n(metric: Metric, noun: str) -> str:
    return f"{said(metric.value, Unit.COUNT)} {noun}{'' if metric.value == 1 else 's'}"
