"""What keeps messages going: rescue, sweeping, retention."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import mail_admins, send_mail
from django.db import connection, transaction

from webhooks import doorbell
from webhooks.models import Webhook
from webhooks.outbound import delivery

PURGE_BATCH = 5000
#: A setting of 0 days.
FOR_EVER = 400_000

_WAITING = """
SELECT EXISTS (SELECT 1 FROM inbound_messages WHERE state = 'received' AND next_try_at <= clock_timestamp()),
  EXISTS (SELECT 1 FROM outbound_messages WHERE state = 'pending' AND next_attempt_at <= clock_timestamp())
"""
_PURGES = (
    """
    UPDATE inbound_messages SET raw = NULL, text = '', expunged_at = clock_timestamp() WHERE id IN (
      SELECT id FROM inbound_messages WHERE expunged_at IS NULL AND state <> 'received'
        AND received_at < clock_timestamp() - make_interval(days => %(raw_days)s)
      ORDER BY received_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
    """,
    """
    UPDATE outbound_messages SET body = NULL, text = '', expunged_at = clock_timestamp() WHERE id IN (
      SELECT id FROM outbound_messages WHERE expunged_at IS NULL AND state IN ('delivered', 'dead', 'cancelled')
        AND created_at < clock_timestamp() - make_interval(days => %(days)s)
      ORDER BY created_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
    """,
    """
    DELETE FROM delivery_attempts WHERE id IN (
      SELECT id FROM delivery_attempts WHERE outcome <> 'running'
        AND started_at < clock_timestamp() - make_interval(days => %(days)s)
      ORDER BY started_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
    """,
)


def sweep() -> int:
    """Rescue messages of lost workers; ring for rows that no ring announced. Answers how many were rescued."""
    rescued = delivery.rescue()
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        inbox, outbox = cursor.fetchone()
    if inbox:
        doorbell.ring(doorbell.INBOX)
    if outbox or rescued:
        doorbell.ring(doorbell.OUTBOX)
    return rescued


def purge() -> int:
    """Forget bodies and attempts older than the retention, in batches; ids stay, so a late repeat is still a repeat."""
    return sum(_purge(statement) for statement in _PURGES)


def _purge(statement: str) -> int:
    params = {"days": settings.MESSAGE_RETENTION_DAYS or FOR_EVER, "batch": PURGE_BATCH}
    params["raw_days"] = settings.RAW_INBOUND_RETENTION_DAYS or FOR_EVER
    done = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, params)
            done += cursor.rowcount
            if cursor.rowcount < PURGE_BATCH:
                return done


def tell_disabled(channel_id: int) -> None:
    """Mail the administrators and the channel's owner; by the site's own mail settings, not through the channel."""
    channel = Webhook.objects.select_related("owner").get(pk=channel_id)
    link = f"{settings.PUBLIC_URL}/{settings.ADMIN_PATH}webhooks/webhook/{channel.pk}/change/"
    subject = f"Channel {channel.name} was switched off"
    body = f"{channel.disabled_reason}. Its messages are held until somebody switches it on again:\n\n{link}\n"
    mail_admins(subject, body, fail_silently=False)
    if channel.owner is not None and channel.owner.email:
        send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [channel.owner.email])
