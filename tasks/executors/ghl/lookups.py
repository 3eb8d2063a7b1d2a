"""Finding what a config names: contacts, custom fields, pipelines and stages. Lists that rarely change are cached."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

from tasks.executors.ghl.client import Client, is_v3
from tasks.executors.ghl.config import CustomField
from tasks.executors.ghl.errors import NotFound, Refused

CACHE_SECONDS = 300.0
MAX_NAMED = 20

_cache: dict[tuple[str, str], tuple[float, list[dict[str, Any]]]] = {}
_lock = threading.Lock()


def forget() -> None:
    """Empty the cache."""
    with _lock:
        _cache.clear()


def find_contact(client: Client, contact_id: str | None, email: str | None, phone: str | None) -> str:
    """The id of the contact: as given, else found by e-mail, else by phone. Raises NotFound."""
    if contact_id:
        return contact_id
    for parameter, value in (("email", email), ("number", phone)):
        if value:
            found = _duplicate(client, parameter, value)
            if found:
                return found
    names = " or ".join(value for value in (email, phone) if value)
    raise NotFound(f"GoHighLevel has no contact with {names} in location {client.location}")


def _duplicate(client: Client, parameter: str, value: str) -> str:
    """`GET /contacts/search/duplicate`, which answers `{"contact": null}`, or 404, when there is none."""
    params = {"locationId": client.location, parameter: value}
    try:
        contact = client.get("contacts", "/contacts/search/duplicate", params).data.get("contact")
    except Refused as refused:
        if refused.status == 404:
            return ""
        raise
    return str(contact["id"]) if isinstance(contact, dict) and contact.get("id") else ""


def custom_fields(client: Client, model: str, given: list[CustomField]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(custom fields as the API takes them, standard fields that were named as custom ones).

    A field by id or key is taken as it is. A name is looked up among the location's fields of `model` (contact or
    opportunity) by its name or key. Raises NotFound, which lists the names there are.
    """
    ready, standard = [], {}
    for field in given:
        if field.id or field.key:
            ready.append({**_identity(field), _spelling(model): field.value})
            continue
        found = _field_named(client, model, str(field.name))
        if found is not None:
            ready.append({"id": found["id"], _spelling(model): field.value})
        elif model == "contact" and _plain(str(field.name)) in ("company", "companyname"):
            standard["companyName"] = field.value
        else:
            known = [str(one.get("name")) for one in _fields(client, model)][:MAX_NAMED]
            raise NotFound(f"GoHighLevel has no custom field {field.name!r} here; it has {', '.join(known) or 'none'}")
    return ready, standard


def pipeline(client: Client, wanted_id: str | None, wanted_name: str | None) -> dict[str, Any]:
    """The pipeline by id or name. Raises NotFound."""
    if wanted_id:
        return {"id": wanted_id}
    pipelines = _listed(client, "pipelines", lambda: _pipelines(client))
    return _named(pipelines, str(wanted_name), "pipeline")


def stage(client: Client, pipeline_id: str, wanted_name: str) -> str:
    """The id of a stage by its name. Raises NotFound."""
    pipelines = _listed(client, "pipelines", lambda: _pipelines(client))
    found = next((one for one in pipelines if one.get("id") == pipeline_id), None)
    stages = (found or {}).get("stages") or []
    return str(_named([one for one in stages if isinstance(one, dict)], wanted_name, "stage")["id"])


def _named(items: list[dict[str, Any]], name: str, what: str) -> dict[str, Any]:
    for item in items:
        if _plain(str(item.get("name"))) == _plain(name) and item.get("id"):
            return item
    known = ", ".join(str(item.get("name")) for item in items[:MAX_NAMED]) or "none"
    raise NotFound(f"GoHighLevel has no {what} {name!r} in this location; it has {known}")


def _identity(field: CustomField) -> dict[str, str]:
    return {name: value for name, value in (("id", field.id), ("key", field.key)) if value}


def _spelling(model: str) -> str:
    """v3 writes `fieldValue`; before, contacts and opportunities took `field_value`."""
    return "fieldValue" if is_v3() else "field_value"


def _field_named(client: Client, model: str, name: str) -> dict[str, Any] | None:
    for field in _fields(client, model):
        key = str(field.get("fieldKey", "")).removeprefix(f"{model}.")
        if _plain(name) in (_plain(str(field.get("name", ""))), _plain(key)) and field.get("id"):
            return field
    return None


def _fields(client: Client, model: str) -> list[dict[str, Any]]:
    def load() -> list[dict[str, Any]]:
        path = f"/locations/{client.location}/customFields"
        found = client.get("locations", path, {"model": model}).data.get("customFields")
        return [one for one in found or [] if isinstance(one, dict) and one.get("model", model) == model]

    return _listed(client, f"fields of {model}", load)


def _pipelines(client: Client) -> list[dict[str, Any]]:
    found = client.get("opportunities", "/opportunities/pipelines", {"locationId": client.location}).data
    return [one for one in found.get("pipelines") or [] if isinstance(one, dict)]


def _listed(client: Client, what: str, load: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    key = (client.location, what)
    with _lock:
        at, items = _cache.get(key, (0.0, []))
    if items and time.monotonic() - at < CACHE_SECONDS:
        return items
    items = load()
    with _lock:
        _cache[key] = (time.monotonic(), items)
    return items


def _plain(name: str) -> str:
    """`Favourite colour`, `favourite_colour` and `Favourite-Colour` are one name to people."""
    return re.sub(r"[\s_-]+", "", name).casefold()
