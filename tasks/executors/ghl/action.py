"""The executor of ghl_action: what an action means, and what its end means."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings

from agency import http
from agency.credentials import CredentialError
from tasks.executors.base import Context, Effect, Executor, Failed, HandBack, Lost, Outcome, Preview
from tasks.executors.ghl import perform, preview, reconcile
from tasks.executors.ghl.client import Client
from tasks.executors.ghl.config import (
    AddContact,
    AddTag,
    AnyAction,
    CreateOpportunity,
    GhlConfig,
    SendSms,
    UpdateContact,
)
from tasks.executors.ghl.errors import Busy, GhlError, NotFound, NoToken, Refused, Unavailable

logger = logging.getLogger(__name__)

_PERFORM: dict[type[Any], Callable[[Any, Client, Context], Outcome]] = {
    AddContact: perform.add_contact,
    UpdateContact: perform.update_contact,
    SendSms: perform.send_sms,
    CreateOpportunity: perform.create_opportunity,
    AddTag: perform.add_tag,
}
_LOOK_UP: dict[type[Any], Callable[[Any, Client, Context], Outcome | None]] = {
    SendSms: reconcile.sms,
    CreateOpportunity: reconcile.opportunity,
}
#: Texts of 400 answers that say why a message cannot reach this person at all.
_UNREACHABLE = {"dnd": "ghl_dnd", "unsubscribed": "ghl_dnd", "missing phone": "ghl_missing_phone"}


class GhlAction(Executor[GhlConfig]):
    """Contacts, tags and upserts may be repeated; texts and opportunities have no idempotency key and may not."""

    type = "ghl_action"
    label = "GHL action"
    Config = GhlConfig
    queue = "io"
    default_timeout_s = 60.0
    can_look_up = True

    def effect(self, config: GhlConfig) -> Effect:
        """ONCE for what would reach a person twice or stand in the books twice."""
        action = config.root
        twice = isinstance(action, AddContact) and action.create_new_if_duplicate_allowed
        return Effect.ONCE if twice or isinstance(action, SendSms | CreateOpportunity) else Effect.IDEMPOTENT

    def target(self, config: GhlConfig) -> str:
        """The location."""
        return f"ghl:{_location(config.root)}"

    def hosts(self, config: GhlConfig) -> list[str]:
        """GoHighLevel's, and no other."""
        return [http.host_of(settings.GHL_BASE_URL)]

    def preview(self, config: GhlConfig) -> Preview:
        """In plain words; there is no secret in the config."""
        return preview.of(config.root, _location(config.root))

    def run(self, config: GhlConfig, ctx: Context) -> Outcome:
        """One attempt. A write whose answer never came is looked up at once where that is possible."""
        action = config.root
        location = _location(action)
        if not location:
            return Failed("GHL action requires locationId, or GHL_LOCATION_ID in the settings", code="ghl_location")
        client = Client(location, ctx)
        try:
            return _PERFORM[type(action)](action, client, ctx)
        except Unavailable as error:
            return self._unavailable(config, client, ctx, error)
        except (GhlError, CredentialError) as error:
            return _outcome_of(error)

    def lookup(self, config: GhlConfig, ctx: Context) -> Outcome | None:
        """Success when GoHighLevel shows that it happened; None when it does not show it, which proves nothing."""
        return self._look_up(config.root, Client(_location(config.root), ctx), ctx)

    def _unavailable(self, config: GhlConfig, client: Client, ctx: Context, error: Unavailable) -> Outcome:
        if not error.sent or self.effect(config) != Effect.ONCE:
            code = "timeout" if error.timed_out else "ghl_unavailable"
            return Failed(
                str(error), heals=True, code=code, retry_after_s=error.retry_after_s, timed_out=error.timed_out
            )
        return self._look_up(config.root, client, ctx) or Lost(f"{error}.")

    def _look_up(self, action: AnyAction, client: Client, ctx: Context) -> Outcome | None:
        look = _LOOK_UP.get(type(action))
        if look is None or not client.location:
            return None
        try:
            return look(action, client, ctx)
        except Busy as busy:
            return HandBack(str(busy), busy.wait_s)
        except (GhlError, CredentialError) as error:
            logger.info("[TaskExecution] Task %s: GoHighLevel could not be asked: %s", ctx.task.id, error)
            return None


def _location(action: AnyAction) -> str:
    return action.location_id or str(settings.GHL_LOCATION_ID)


def _outcome_of(error: GhlError | CredentialError) -> Outcome:
    if isinstance(error, Busy):
        return HandBack(str(error), error.wait_s)
    if isinstance(error, Refused):
        return Failed(str(error), code=_code_of(error), output={"status": error.status, "traceId": error.trace_id})
    if isinstance(error, NotFound):
        return Failed(str(error), code="ghl_not_found")
    return Failed(str(error), code="credentials" if isinstance(error, NoToken | CredentialError) else "ghl_error")


def _code_of(refused: Refused) -> str:
    text = str(refused).lower()
    if refused.status == 400:
        for words, code in _UNREACHABLE.items():
            if words in text:
                return code
    return f"http_{refused.status}" if refused.status else "target_not_allowed"
