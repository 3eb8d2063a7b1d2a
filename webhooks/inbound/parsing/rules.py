"""Understanding a text by rules: always there, deterministic, the same answer for the same text and clock."""

from __future__ import annotations

from dataclasses import replace

from webhooks.inbound.parsing.commands import read_command
from webhooks.inbound.parsing.entities import find_entities
from webhooks.inbound.parsing.requests import read_request
from webhooks.inbound.parsing.understanding import Intent, Missing, Setting, Understanding

MAX_READ = 5000
_MEANT_AS_ANSWER = frozenset({Intent.ACKNOWLEDGE, Intent.UNCLEAR, Intent.CREATE})


def understand(text: str, setting: Setting, subject: str = "") -> Understanding:
    """Read a message. In a conversation with an open question, what is no command is the answer to it."""
    body = text.strip()[:MAX_READ]
    entities = find_entities(f"{subject}\n{body}".strip(), setting.region)
    command = read_command(body or subject, setting)
    if setting.open_question and (command is None or command.intent in _MEANT_AS_ANSWER):
        return Understanding(Intent.ANSWER, 0.9, words=body, entities=entities)
    if command is not None:
        return replace(command, entities=entities)
    reading = read_request(body or subject, entities, setting)
    if reading.intent == Intent.UNCLEAR and reading.missing == Missing.WHAT and subject and body:
        # A mail may say what it wants in its subject only.
        by_subject = read_request(f"{subject}. {body}", entities, setting)
        reading = by_subject if by_subject.intent != Intent.UNCLEAR else reading
    return _titled(reading, subject)


def _titled(reading: Understanding, subject: str) -> Understanding:
    if subject and reading.intent == Intent.CREATE:
        return replace(reading, task={**reading.task, "title": subject[:500]})
    return reading
