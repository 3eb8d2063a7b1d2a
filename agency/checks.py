"""System checks of the door to the outside and of the key ring.

Every command runs them; `manage.py check --deploy`, which a production start runs first, refuses what others warn of.
"""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from agency.credentials import keyring
from agency.credentials.errors import CredentialError
from agency.http import policy


@register(Tags.security)
def outbound_rules(**_: Any) -> list[CheckMessage]:
    """agency.E101: a setting is not valid. agency.W102: rules are loosened although DEBUG is off."""
    try:
        policy.current()
    except ValueError as error:
        return [Error(f"An OUTBOUND_ setting is not valid: {error}", id="agency.E101")]
    return [] if settings.DEBUG else _loosened(Warning, "agency.W102")


@register(Tags.security, deploy=True)
def outbound_rules_in_production(**_: Any) -> list[CheckMessage]:
    """agency.E102: rules are loosened in production."""
    return _loosened(Error, "agency.E102")


def _loosened(kind: type[Error] | type[Warning], check_id: str) -> list[CheckMessage]:
    try:
        names = policy.current().loosened
    except ValueError:
        return []  # agency.E101 says so
    if not names:
        return []
    message = f"{', '.join(names)} let tasks reach addresses that a production installation keeps closed."
    return [kind(message, hint="Unset them.", id=check_id)]


@register(Tags.security)
def outbound_certificates(**_: Any) -> list[CheckMessage]:
    """agency.E103: OUTBOUND_CA_FILE names no file."""
    path = settings.OUTBOUND_CA_FILE
    if path and not os.path.isfile(path):
        return [Error(f"OUTBOUND_CA_FILE: there is no file {path}", id="agency.E103")]
    return []


@register(Tags.security)
def credential_keys(**_: Any) -> list[CheckMessage]:
    """agency.E104: CREDENTIAL_KEYS is not valid."""
    try:
        keyring.known_keys()
    except CredentialError as error:
        return [Error(str(error), id="agency.E104")]
    return []


@register(Tags.security)
def environment_secrets(**_: Any) -> list[CheckMessage]:
    """agency.W105: secrets that tasks may name, without a list of hosts they may be sent to."""
    prefix = settings.CREDENTIAL_ENV_PREFIX
    names = [name for name in os.environ if prefix and name.startswith(prefix) and not name.endswith("_HOSTS")]
    open_ones = sorted(name for name in names if f"{name}_HOSTS" not in os.environ)
    if not open_ones:
        return []
    return [
        Warning(
            f"Any task may send {', '.join(open_ones)} to any public host.",
            hint=f"Set {open_ones[0]}_HOSTS to the hosts it is meant for.",
            id="agency.W105",
        )
    ]


@register(Tags.security, deploy=True)
def rate_limits_in_production(**_: Any) -> list[CheckMessage]:
    """agency.E106: no rate limits in production. (DEBUG is refused by security.W018.)"""
    if settings.RATE_LIMITS:
        return []
    return [Error("RATE_LIMITS is off: it is for load tests only.", hint="Unset RATE_LIMITS.", id="agency.E106")]
