"""The order in which the doctor looks. What needs the database is left out when there is none."""

from __future__ import annotations

from collections.abc import Iterator

from reports.doctor import configuration, services, work
from reports.doctor.finding import Finding, Level, Look, bad

ALWAYS: tuple[Look, ...] = (
    configuration.system_checks,
    configuration.mail,
    configuration.plugins,
    configuration.browser,
    services.files,
    services.broker,
)
WITH_DATABASE: tuple[Look, ...] = (
    services.clocks,
    configuration.keys,
    work.workers,
    work.due,
    work.messages,
    work.figures,
    work.promises,
)


def examine() -> Iterator[Finding]:
    """Every finding, in order. A look that itself fails is a finding too: the doctor never gives up halfway."""
    for look in ALWAYS:
        yield from _careful(look)
    found = list(_careful(services.database))
    yield from found
    if not any(finding.about == "database" and finding.level is Level.BAD for finding in found):
        applied = list(_careful(services.migrations))
        yield from applied
        if all(finding.level is Level.GOOD for finding in applied):
            for look in WITH_DATABASE:
                yield from _careful(look)


def _careful(look: Look) -> Iterator[Finding]:
    try:
        yield from look()
    except Exception as error:  # noqa: BLE001  reported as a finding
        what = f"could not be examined: {type(error).__name__}: {error}"
        yield bad(look.__name__.replace("_", " "), what, "Look at the log; this is a fault of its own.")
