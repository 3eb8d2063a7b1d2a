"""Slack: the Web API with a bot token (chat.postMessage), or an incoming webhook whose address is the secret."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.conf import settings
from pydantic import Field

from agency import http
from webhooks.outbound.transports.base import (
    Delivered,
    Envelope,
    Failed,
    Result,
    Transport,
    TransportConfig,
    answer_of,
    failed_by,
    judged,
    typed,
)

PERMANENT_ERRORS = frozenset(
    {
        "account_inactive",
        "channel_not_found",
        "invalid_auth",
        "is_archived",
        "missing_scope",
        "not_authed",
        "not_in_channel",
        "restricted_action",
        "token_expired",
        "token_revoked",
    }
)
BUSY_ERRORS = frozenset({"ratelimited", "rate_limited", "service_unavailable", "internal_error", "fatal_error"})


class SlackConfig(TransportConfig):
    """`mode` says what the channel's outbound secret is: a bot token, or the address of an incoming webhook."""

    mode: Literal["bot", "webhook"] = "bot"
    default_channel: Annotated[str, Field(max_length=40)] = ""


class Slack(Transport):
    """One post, in the thread it answers."""

    type = "slack"
    Config = SlackConfig

    def send(self, envelope: Envelope, timeout_s: float) -> Result:
        config = typed(SlackConfig, envelope)
        document = {"text": escape(envelope.text), "unfurl_links": False}
        if config.mode == "webhook":
            host = http.host_of(settings.SLACK_HOOKS_URL)
            url = envelope.secret_for(host)
            if not url.startswith("http") or http.host_of(url) != host:
                return Failed(f"the channel's secret is no address of {host}", permanent=True, sent=False)
            return self._post(url, document, {}, timeout_s)
        channel = envelope.address.get("channel") or envelope.recipient or config.default_channel
        if not channel:
            return Failed("no Slack channel to post to", permanent=True, sent=False)
        document |= {"channel": channel}
        document |= {"thread_ts": thread} if (thread := envelope.address.get("threadTs")) else {}
        url = f"{settings.SLACK_BASE_URL}/chat.postMessage"
        headers = {"Authorization": f"Bearer {envelope.secret_for(http.host_of(url))}"}
        return self._post(url, document, headers, timeout_s)

    def _post(self, url: str, document: dict[str, Any], headers: dict[str, str], timeout_s: float) -> Result:
        try:
            response = http.request(
                "POST",
                url,
                headers={**headers, "Content-Type": "application/json; charset=utf-8"},
                json=document,
                timeout_s=timeout_s,
            )
        except http.OutboundError as error:
            return failed_by(error)
        return _read(response)

    def host(self, url: str, config: dict[str, Any]) -> str:
        base = settings.SLACK_HOOKS_URL if config.get("mode") == "webhook" else settings.SLACK_BASE_URL
        return http.host_of(base)


def escape(text: str) -> str:
    """Slack's three control characters; without this a message could ping everybody (`<!channel>`)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _read(response: http.Response) -> Result:
    """Slack answers 200 also when it refuses; the reason is in `error`."""
    result = judged(response)
    if not isinstance(result, Delivered):
        return result
    try:
        document = response.json()
    except ValueError:
        return result  # an incoming webhook answers the bare word "ok"
    if not isinstance(document, dict) or document.get("ok") is True:
        stamp = document.get("ts", "") if isinstance(document, dict) else ""
        return Delivered(answer_of(response), str(stamp)[:200])
    error = str(document.get("error", "unknown"))[:100]
    return Failed(
        f"Slack refused: {error}",
        answer_of(response),
        permanent=error in PERMANENT_ERRORS,
        slow_down=error in BUSY_ERRORS,
        retry_after_s=response.retry_after_s,
    )
