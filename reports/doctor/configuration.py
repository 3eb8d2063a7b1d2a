"""Settings, keys, secrets, mail, plugins, browsers."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.checks import ERROR, WARNING, run_checks
from django.db.models import Count

from agency.credentials import keyring, vault
from agency.credentials.errors import CredentialError
from agency.models import Credential
from reports.doctor.finding import Finding, bad, good, note
from tasks.executors import registry

SILENT_MAIL = ("console", "locmem", "dummy", "filebased")


def system_checks() -> Iterator[Finding]:
    """Django's checks and ours; those of a deployment when DEBUG is off and the address is public."""
    public = not settings.DEBUG and settings.PUBLIC_URL.startswith("https://")
    found = [message for message in run_checks(include_deployment_checks=public) if message.level >= WARNING]
    for message in found:
        make = bad if message.level >= ERROR else note
        yield make(f"settings ({message.id})", str(message.msg), str(message.hint or "See .env.example."))
    if not found:
        yield good("settings", "system checks find nothing")


def keys() -> Iterator[Finding]:
    """Is the ring valid, and does it open every stored credential."""
    try:
        known = keyring.known_keys()
    except CredentialError as error:
        yield bad("keys", str(error), "Put the keys back from your backup; without them stored secrets are lost.")
        return
    used = dict(Credential.objects.filter(revoked_at__isnull=True).values_list("key_id").annotate(n=Count("pk")))
    missing = {key: n for key, n in used.items() if key not in known}
    for key, count in missing.items():
        what = f"{count} credentials are encrypted with {key!r}, which CREDENTIAL_KEYS does not hold"
        yield bad("keys", what, f"Add {key!r} to CREDENTIAL_KEYS, behind the first key.")
    yield from _opens(known)
    old = sum(n for key, n in used.items() if key in known[1:])
    if old:
        yield note("keys", f"{old} credentials use an older key", "Run `manage.py rotate_credentials`.")
    elif not missing:
        yield good("keys", f"{len(known)} in the ring, {sum(used.values())} credentials")


def _opens(known: list[str]) -> Iterator[Finding]:
    """One credential of each key is opened: a key with the right name and the wrong bytes shows itself."""
    for key in known:
        row = Credential.objects.filter(key_id=key, revoked_at__isnull=True).order_by("-pk").first()
        if row is not None and not vault.opens(row):
            what = f"{key!r} does not open what was encrypted with it"
            yield bad("keys", what, "These are other bytes under the same name: put the right key back.")


def mail() -> Iterator[Finding]:
    """Does mail leave the house."""
    backend = settings.EMAIL_BACKEND.rsplit(".", 2)[-2]
    if backend in SILENT_MAIL:
        what = f"mail is only written to the {backend}: notifications reach nobody"
        yield note("mail", what, "Set EMAIL_URL, for example smtp+tls://user:password@mail.example.com:587.")
    else:
        yield good("mail", f"by {settings.EMAIL_HOST}")


def plugins() -> Iterator[Finding]:
    """Task types, and executors that could not be loaded."""
    for name, why in registry.broken.items():
        yield bad(
            "plugins", f"{name} could not be loaded: {why}", "Mend or uninstall the package, then restart workers."
        )
    if not registry.broken:
        yield good("task types", ", ".join(registry.known()))


def browser() -> Iterator[Finding]:
    """Is there a browser for the tasks that need one."""
    from tasks.executors.browser.errors import BrowserUnavailable
    from tasks.executors.browser.launch import find_programs

    if settings.BROWSER_DRIVER != "local":
        yield good("browser", f"from {settings.BROWSER_DRIVER}")
        return
    try:
        programs = find_programs()
    except BrowserUnavailable as error:
        yield note("browser", str(error), "Install chromium and chromium-driver, or set BROWSER_DRIVER.")
    else:
        yield good("browser", str(programs.browser))
