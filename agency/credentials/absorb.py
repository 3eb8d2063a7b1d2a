"""Moving secrets that somebody wrote into a config into credentials, before the config is stored anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.db import transaction

from agency.credentials import vault
from agency.credentials.errors import CredentialError
from agency.models import Credential
from agency.redaction import MASK, is_reference, is_secret_name, redact

#: Keys of a config whose value is a secret, and the kind of credential it becomes.
SECRET_KEYS = {"bearerToken": "bearer", "apiKey": "api_key", "password": "basic"}
#: Objects of a config whose secret-looking entries are secrets.
SECRET_GROUPS = ("customHeaders", "queryParams")
URL_KEY = "apiEndpoint"
#: Lists of browser steps: what a step types into a field that looks secret is a secret.
STEP_LISTS = ("automationSteps", "browserActions")
TYPED = "other"
_SECRET_FIELD = re.compile(
    r"passw|passcode|passphrase|\bpwd\b|\bpin\b|secret|api.?key|token|card.?number|\bcvv\b|\bcvc\b", re.I
)


@transaction.atomic(savepoint=False)
def absorb(
    config: dict[str, Any], owner: Any, default_hosts: list[str], *, before: dict[str, Any] | None = None
) -> tuple[dict[str, Any], list[Credential]]:
    """The config with every inline secret replaced by a reference, and the credentials made for them.

    New credentials may be sent to `default_hosts` only. References that are already there are checked: they exist, the
    owner may use them (or they were in `before`, the config that is being edited), and they are meant for those hosts.
    Raises CredentialError, which names the field.
    """
    config = _split_url(config)
    kept = {ref.get("credential") for ref in references(before or {})}
    made: list[Credential] = []
    hosts = default_hosts

    def put(path: str, kind: str, value: Any) -> Any:
        if is_reference(value):
            # What a browser types goes to the page of that moment: its host is checked then, not here.
            return _usable(value, path, owner, [] if kind == TYPED else hosts, kept)
        if not isinstance(value, str) or not value:
            return value
        try:
            credential = vault.store(
                value, name=f"{path} for {', '.join(hosts) or 'a task'}", kind=kind, allowed_hosts=hosts, owner=owner,
                inline=True,
            )  # fmt: skip
        except CredentialError as error:
            raise CredentialError(f"{path}: {error}", path) from error
        made.append(credential)
        return vault.reference(credential)

    return _rewrite_steps(_rewrite(config, put), put), made


def mask(config: Any) -> Any:
    """The config as people may see it: secrets hidden, references in words."""
    if is_reference(config):
        return f"environment variable {config['env']}" if "env" in config else _in_words(config)
    if isinstance(config, dict):
        return {key: mask(value) if is_reference(value) else _mask_item(key, value) for key, value in config.items()}
    if isinstance(config, list):
        return [mask(item) for item in config]
    return redact(config)


def references(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Every reference in a config, at any depth."""
    return list(_find(config))


def _find(value: Any) -> Iterator[dict[str, Any]]:
    if is_reference(value):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _find(item)
    elif isinstance(value, list):
        for item in value:
            yield from _find(item)


def _rewrite(config: dict[str, Any], put: Callable[[str, str, Any], Any]) -> dict[str, Any]:
    done = dict(config)
    for key, kind in SECRET_KEYS.items():
        if key in done:
            done[key] = put(key, kind, done[key])
    for group in SECRET_GROUPS:
        if isinstance(done.get(group), dict):
            done[group] = {
                name: put(f"{group}.{name}", "header", value) if is_secret_name(name) or is_reference(value) else value
                for name, value in done[group].items()
            }
    return done


def _rewrite_steps(config: dict[str, Any], put: Callable[[str, str, Any], Any]) -> dict[str, Any]:
    lists = {name: config[name] for name in STEP_LISTS if isinstance(config.get(name), list)}
    return {
        **config,
        **{
            name: [_rewrite_step(step, f"{name}/{n}", put) for n, step in enumerate(steps)]
            for name, steps in lists.items()
        },
    }


def _rewrite_step(step: Any, path: str, put: Callable[[str, str, Any], Any]) -> Any:
    """One browser step, flat or with its fields under `config`, with what it types as a reference if that is a secret."""
    if not isinstance(step, dict) or "type" not in (step.get("type"), step.get("action")):
        return step
    nested = isinstance(step.get("config"), dict)
    fields = step["config"] if nested else step
    value = fields.get("value")
    described = " ".join(str(fields.get(key, "")) for key in ("selector", "instruction", "name"))
    if not is_reference(value) and not _SECRET_FIELD.search(described):
        return step
    changed = {**fields, "value": put(f"{path}/config/value" if nested else f"{path}/value", TYPED, value)}
    return {**step, "config": changed} if nested else changed


def _split_url(config: dict[str, Any]) -> dict[str, Any]:
    """Secret query parameters leave the URL for queryParams, where they can be references."""
    url = config.get(URL_KEY)
    if not isinstance(url, str) or "?" not in url or not isinstance(config.get("queryParams", {}), dict):
        return config
    base, _, query = url.partition("?")
    query, hash_mark, fragment = query.partition("#")
    pairs = parse_qsl(query, keep_blank_values=True)
    secret = {name: value for name, value in pairs if is_secret_name(name) and value}
    if not secret:
        return config
    rest = urlencode([(name, value) for name, value in pairs if name not in secret])
    kept_url = base + ("?" + rest if rest else "") + hash_mark + fragment
    return {**config, URL_KEY: kept_url, "queryParams": {**secret, **config.get("queryParams", {})}}


def _usable(ref: dict[str, Any], path: str, owner: Any, hosts: list[str], kept: set[Any]) -> dict[str, Any]:
    if "env" in ref:
        if not vault.allowed_variable(ref["env"]):
            raise CredentialError(f"{path}: tasks may not name the environment variable {ref['env'][:80]}", path)
        return ref
    row = Credential.objects.filter(pk=ref["credential"], revoked_at__isnull=True).first()
    if row is None or not (row.pk in kept or _may_use(owner, row)):
        raise CredentialError(f"{path}: there is no credential {ref['credential']} that you may use", path)
    for host in hosts:
        if not vault.is_for(host, row.allowed_hosts):
            raise CredentialError(f"{path}: credential {row.pk} may not be sent to {host}", path)
    return vault.reference(row)


def _may_use(owner: Any, row: Credential) -> bool:
    """People use their own; a credential without an owner, or a task without one (a channel's), is the system's."""
    if row.owner_id is None or owner is None:
        return row.owner_id is None
    return bool(row.owner_id == owner.pk or owner.has_perm("agency.use_credential"))


def _mask_item(key: str, value: Any) -> Any:
    if isinstance(value, str | list | dict) and value and is_secret_name(key):
        return MASK
    return mask(value)


def _in_words(ref: dict[str, Any]) -> str:
    return f"credential {ref['credential']} ({ref.get('hint') or '…'})"
