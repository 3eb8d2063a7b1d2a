"""E-mail through the SMTP server of the settings (Django's mail backend)."""

from __future__ import annotations

import smtplib
import time
from email.utils import formataddr
from typing import Annotated, Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from pydantic import Field

from webhooks.outbound.transports.base import (
    Answer,
    Delivered,
    Envelope,
    Failed,
    Result,
    Transport,
    TransportConfig,
    Unknown,
    typed,
)


class EmailConfig(TransportConfig):
    """Who the mails come from and where replies go (the address the provider posts to us from)."""

    from_address: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] = ""
    from_name: Annotated[str, Field(max_length=100)] = ""
    reply_to: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] = ""


class Email(Transport):
    """One plain mail. Its Message-ID is the same on every try, so a mail that came twice is shown once."""

    type = "email"
    Config = EmailConfig
    max_text = 200_000

    def send(self, envelope: Envelope, timeout_s: float) -> Result:
        started = time.monotonic()
        connection = get_connection(timeout=timeout_s)
        try:
            connection.send_messages([self._mail(envelope)])
        except smtplib.SMTPRecipientsRefused as error:
            return _refused(error.recipients, started)
        except smtplib.SMTPResponseException as error:
            return _answered(error.smtp_code, error.smtp_error, started)
        except (smtplib.SMTPServerDisconnected, smtplib.SMTPNotSupportedError) as error:
            return Unknown(f"the mail server hung up: {type(error).__name__}", _took(started))
        except (ValueError, UnicodeError) as error:
            return Failed(f"the mail cannot be written: {type(error).__name__}", permanent=True, sent=False)
        except OSError as error:
            timed_out = isinstance(error, TimeoutError)
            return Failed("timed out" if timed_out else "could not connect", _took(started), sent=False)
        return Delivered(_took(started, 250))

    def _mail(self, envelope: Envelope) -> EmailMessage:
        config = typed(EmailConfig, envelope)
        sender = config.from_address or settings.DEFAULT_FROM_EMAIL
        domain = sender.rpartition("@")[2].strip("> ")
        headers = {
            "Message-ID": f"<{envelope.message_id}@{domain}>",
            "Auto-Submitted": "auto-generated",
            "X-Agency-Event": envelope.event_type,
        }
        answered = envelope.address.get("messageId")
        if answered:
            headers |= {"In-Reply-To": answered, "References": answered}
        return EmailMessage(
            subject=" ".join((envelope.subject or envelope.text[:80]).split()),
            body=envelope.text,
            from_email=formataddr((config.from_name, sender)) if config.from_name else sender,
            to=[envelope.address.get("to") or envelope.recipient],
            reply_to=[config.reply_to] if config.reply_to else None,
            headers=headers,
        )

    def host(self, url: str, config: dict[str, Any]) -> str:
        return f"smtp:{settings.EMAIL_HOST}"


def _took(started: float, status: int | None = None, text: str = "") -> Answer:
    return Answer(status=status, body=text[:1000], duration_ms=round((time.monotonic() - started) * 1000))


def _refused(recipients: dict[str, tuple[int, bytes]], started: float) -> Failed:
    code, text = next(iter(recipients.values()), (550, b""))
    return _answered(code, text, started)


def _answered(code: int, text: bytes | str, started: float) -> Failed:
    """SMTP: 4xx is temporary, 5xx is final (RFC 5321 4.2.1)."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return Failed(f"the mail server answered {code}", _took(started, code, words), permanent=code >= 500)
