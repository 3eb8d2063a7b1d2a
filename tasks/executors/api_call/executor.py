"""The executor of api_call."""

from __future__ import annotations

import contextlib
from typing import Any

from agency import credentials, http
from tasks.executors.api_call import answer, preview
from tasks.executors.api_call.config import ApiCallConfig
from tasks.executors.api_call.request import Prepared, ports_of, prepare
from tasks.executors.base import (
    Context,
    Effect,
    Executor,
    Failed,
    LeaseLost,
    Lost,
    Outcome,
    Preview,
    Success,
)


class ApiCall(Executor[ApiCallConfig]):
    """Sends the request once; what follows from the answer is told apart here, when to try again in tasks/retry.py."""

    type = "api_call"
    label = "API call"
    Config = ApiCallConfig
    queue = "io"

    def timeout_s(self, config: ApiCallConfig) -> float:
        """The call's own timeout, and a little for what surrounds it."""
        return config.timeout / 1000 + 5

    def effect(self, config: ApiCallConfig) -> Effect:
        """POST and PATCH happen once unless the target honours the key; PUT and DELETE may be repeated (RFC 9110)."""
        if not config.writes:
            return Effect.READ
        if config.idempotent or config.api_method in ("PUT", "DELETE"):
            return Effect.IDEMPOTENT
        return Effect.ONCE

    def target(self, config: ApiCallConfig) -> str:
        """The host called."""
        return http.host_of(config.api_endpoint)

    def hosts(self, config: ApiCallConfig) -> list[str]:
        """Its secrets are for the host called."""
        return [http.host_of(config.api_endpoint)]

    def check(self, config: ApiCallConfig) -> list[tuple[str, str]]:
        """Sign-in, address and header rules that need no lookup."""
        problems = config.missing()
        try:
            http.check_url(config.api_endpoint, ports=ports_of(config))
        except http.TargetNotAllowed as refused:
            problems.append(("apiEndpoint", f"apiEndpoint: {refused}"))
        try:
            http.check_headers({name: value for name, value in config.custom_headers.items() if isinstance(value, str)})
            http.check_headers({config.api_key_header: ""})
        except http.TargetNotAllowed as refused:
            problems.append(("customHeaders", f"customHeaders: {refused}"))
        if config.api_payload is not None and not config.writes:
            message = f"apiPayload: a {config.api_method} request has no body; use queryParams"
            problems.append(("apiPayload", message))
        return problems

    def preview(self, config: ApiCallConfig) -> Preview:
        """The request in plain words, secrets masked."""
        return preview.of(config, self.effect(config))

    def run(self, config: ApiCallConfig, ctx: Context) -> Outcome:
        """One request. Writes pass the effect ledger."""
        try:
            prepared = prepare(config, ctx)
        except credentials.CredentialError as error:
            return Failed(str(error), code="credentials")
        if not config.writes:
            return self._send(config, ctx, prepared)
        prior = ctx.intend("", _request_of(config), config.timeout / 1000)
        if prior.confirmed:
            return Success(prior.response, "It had happened already")
        outcome = self._send(config, ctx, prepared)
        _settle(ctx, outcome)
        return outcome

    def _send(self, config: ApiCallConfig, ctx: Context, prepared: Prepared) -> Outcome:
        try:
            response = http.request(
                config.api_method,
                config.api_endpoint,
                headers=prepared.headers,
                params=prepared.params,
                json=prepared.json,
                body=prepared.body,
                timeout_s=min(config.timeout / 1000, max(0.1, ctx.remaining_s())),
                max_bytes=config.max_response_bytes,
                ports=prepared.ports,
                while_waiting=lambda: _still_wanted(config, ctx),
            )
        except http.OutboundError as error:
            return answer.unanswered(config, self.effect(config), error)
        return answer.answered(config, response)


def _still_wanted(config: ApiCallConfig, ctx: Context) -> None:
    """Cancelling reaches a call that waits. A write whose lease is lost is waited for all the same: its late answer is
    the only evidence of what happened."""
    with contextlib.suppress(LeaseLost) if config.writes else contextlib.nullcontext():
        ctx.check()


def _settle(ctx: Context, outcome: Outcome) -> None:
    """What the ledger learns. A refused or failed write is open again: the same key goes out with the next try."""
    if isinstance(outcome, Success):
        ctx.confirm("", outcome.output)
    elif isinstance(outcome, Lost):
        ctx.unknown("")
    elif isinstance(outcome, Failed):
        ctx.reject("", {"error": outcome.error})


def _request_of(config: ApiCallConfig) -> dict[str, Any]:
    return config.model_dump(include={"api_endpoint", "api_method", "api_payload", "query_params"})
