"""What a message says, and how it reads in an SMS, in Slack and in a mail. Values are data, nothing is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings

MAX_SMS = 480
MAX_DETAIL = 1000


@dataclass(frozen=True)
class Note:
    """One message: a subject, one plain sentence, details for channels with room, where to look, and what to reply."""

    subject: str
    lead: str
    details: list[tuple[str, str]] = field(default_factory=list)
    link: str = ""
    hint: str = ""


def task_link(task_id: int) -> str:
    """The page of a task."""
    return f"{settings.PUBLIC_URL}/{settings.ADMIN_PATH}tasks/{task_id}/"


def text_for(channel_type: str, note: Note) -> str:
    """The text of a note as a channel's people read it best."""
    return {"sms": as_sms, "ghl": as_sms, "slack": as_slack, "email": as_mail}.get(channel_type, as_slack)(note)


def as_sms(note: Note) -> str:
    """One short paragraph: what, then what to reply, then the link whole."""
    tail = " ".join(part for part in (note.hint, note.link) if part)
    return " ".join(part for part in (_cut(note.lead, max(80, MAX_SMS - len(tail) - 1)), tail) if part)


def as_slack(note: Note) -> str:
    """A sentence, a short list, a link."""
    lines = [note.lead, *(f"• {label}: {_cut(value)}" for label, value in note.details if value), note.hint, note.link]
    return "\n".join(line for line in lines if line)


def as_mail(note: Note) -> str:
    """Paragraphs, with the site's name under them."""
    details = "\n".join(f"{label}: {_cut(value)}" for label, value in note.details if value)
    parts = [note.lead, details, note.hint, note.link, f"-- \n{settings.SITE_NAME}"]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cut(text: str, limit: int = MAX_DETAIL) -> str:
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
