"""Proving once more that one is still the person who signed in, before what a stolen session must not do.

Approving, credentials, channels, tokens, people and starting work again ask for a fresh proof: the code of the authenticator,
or the password of those who have none. One proof holds for CONFIRM_MINUTES from the moment it is given; being busy does not
prolong it, so that a session left open on a desk is worth little soon. Signing in is a proof. API tokens are not sessions and
are never asked.

Nothing in progress is lost: a form that comes too late is kept, encrypted, in the page that asks, and goes through as it was
sent once the proof is given. The key ring of the credentials seals it to the person and the address.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import URLPattern, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import match_token

from agency.console import accounts, freshness, two_factor
from agency.credentials import keyring

HELD = "_held"
#: The name of the field that carries the proof; a form of ours that is held has no such field.
PROOF = "proof"
#: Pages whose script asks by itself send this and are told in JSON.
FRAGMENT = "X-Fragment"

When = Callable[..., bool]
View = Callable[..., HttpResponse]


# --- the proof -----------------------------------------------------------------------------------------------------


def _proves(request: HttpRequest, text: str) -> bool:
    """A code of their device, else their password. Wrong ones are slowed down: by the device's throttle, by the lock-out."""
    user: Any = request.user
    if two_factor.has_device(user):
        with transaction.atomic():  # match_token locks the device rows against a code used twice at once
            right = match_token(user, text.replace(" ", "")) is not None
        accounts.record("second_factor" if right else "second_factor_failed", request, user=user)
        return right
    found = authenticate(request, username=user.get_username(), password=text)
    if found is None or found.pk != user.pk:
        return False
    accounts.record("confirmed", request, user=user)
    return True


class ProofForm(forms.Form):
    """One field: a code, or a password."""

    proof = forms.CharField(max_length=4096, strip=False)

    def __init__(self, *args: Any, by_code: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields[PROOF]
        field.label = _("Code of your authenticator") if by_code else _("Your password")
        common = {"autofocus": True, "spellcheck": "false"}
        if by_code:
            attributes = {"autocomplete": "one-time-code", "inputmode": "text", **common}
            field.widget = forms.TextInput(attrs=attributes)
        else:
            field.widget = forms.PasswordInput(attrs={"autocomplete": "current-password", **common})


def _give(request: HttpRequest) -> tuple[ProofForm, bool]:
    """The form as it stands, and whether the proof in it was right; then the session is marked.

    It keeps its key: a page that refreshes itself has requests under way, and they would be signed out.
    """
    by_code = two_factor.has_device(request.user)
    form = ProofForm(request.POST if PROOF in request.POST else None, by_code=by_code)
    if form.is_bound and form.is_valid():
        if _proves(request, form.cleaned_data[PROOF]):
            freshness.mark(request)
            return form, True
        wrong = _("This code is not right, was used before, or came too soon after a wrong one.")
        form.add_error(PROOF, wrong if by_code else _("This is not your password."))
    return form, False


# --- asking -------------------------------------------------------------------------------------------------------


def required(when: When | None = None) -> Callable[[View], View]:
    """A view whose POSTs need a fresh proof, or those of them for which `when(request, ...)` says so."""

    def wrap(view: View) -> View:
        @wraps(view)
        @sensitive_post_parameters(PROOF)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method != "POST" or not request.user.is_authenticated:
                return view(request, *args, **kwargs)
            refusal = _take_up(request) if HELD in request.POST else None
            if refusal is not None:
                return refusal
            if freshness.is_fresh(request) or (when is not None and not when(request, *args, **kwargs)):
                return view(request, *args, **kwargs)
            return _ask(request)

        return guarded

    return wrap


def _ask(request: HttpRequest) -> HttpResponse:
    by_code = two_factor.has_device(request.user)
    if request.headers.get(FRAGMENT):
        label = str(ProofForm(by_code=by_code).fields[PROOF].label)
        return JsonResponse(
            {"error": str(ASKED), "confirm": {"label": label, "why": str(WHY), "byCode": by_code}}, status=403
        )
    return _page(request, ProofForm(by_code=by_code), _hold(request))


def _take_up(request: HttpRequest) -> HttpResponse | None:
    """With the right proof the request is again what it was; else the answer that asks once more."""
    held = str(request.POST[HELD])
    if not freshness.is_fresh(request):  # it may have been given in another window meanwhile
        form, right = _give(request)
        if not right:
            return _page(request, form, held)
    kept = _open(request, held)
    if kept is None:
        return redirect(request.get_full_path())
    request.POST = kept  # type: ignore[assignment]
    return None


ASKED = gettext_lazy("Confirm that it is you: it is a while since you last did.")
WHY = gettext_lazy("It is a while since you last did, and what you are about to do must be done by nobody else.")


def _page(request: HttpRequest, form: ProofForm, held: str = "") -> HttpResponse:
    """The page that asks; it posts to the address that was posted to, so that filters and place stay."""
    context: dict[str, Any] = {"form": form, "title": _("Confirm that it is you"), "held": held, "asked": WHY}
    context |= {"next": two_factor.next_of(request), "back": _back(request)}
    response = render(request, "console/confirm.html", context, status=422 if form.errors else 403 if held else 200)
    response["Cache-Control"] = "no-store"
    return response


def _back(request: HttpRequest) -> str:
    """The page the form stood on, if it is one of ours."""
    came_from = request.META.get("HTTP_REFERER", "")
    hosts = {request.get_host()}
    safe = url_has_allowed_host_and_scheme(came_from, allowed_hosts=hosts, require_https=request.is_secure())
    return came_from if safe else reverse("admin:index")


def _place(request: HttpRequest) -> str:
    """What was sent to one address by one person is good for nothing else."""
    return f"held|{request.user.pk}|{request.get_full_path()}"


def _hold(request: HttpRequest) -> str:
    fields = {name: values for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"}
    sealed = keyring.seal(json.dumps({"at": int(time.time()), "fields": fields}), _place(request))
    parts = sealed.key_id.encode(), sealed.nonce, sealed.ciphertext
    return ".".join(base64.urlsafe_b64encode(part).decode() for part in parts)


def _open(request: HttpRequest, held: str) -> QueryDict | None:
    """What was held; None when it is not for this person and address, too old, or not ours."""
    try:
        key_id, nonce, ciphertext = (base64.urlsafe_b64decode(part) for part in held.split("."))
        text = keyring.unseal(keyring.Sealed(ciphertext, nonce, key_id.decode()), _place(request))
    except (ValueError, keyring.CredentialError):
        return None
    kept = json.loads(text)
    if int(time.time()) - kept["at"] > settings.SESSION_IDLE_SECONDS:
        return None
    found = QueryDict(mutable=True)
    for name, values in kept["fields"].items():
        found.setlist(name, values)
    return found


@sensitive_post_parameters(PROOF)
@never_cache
@csrf_protect
def confirm(request: HttpRequest) -> HttpResponse:
    """The page by itself: for scripts that hold their own request, and for whoever wants to confirm beforehand."""
    if not request.user.is_authenticated:
        return redirect(f"{reverse('admin:login')}?next={request.path}")
    form, right = _give(request)
    if request.headers.get(FRAGMENT):
        wrong = " ".join(map(str, form.errors.get(PROOF, []))) or str(ASKED)
        return JsonResponse({"confirmed": True} if right else {"error": wrong}, status=200 if right else 422)
    return redirect(two_factor.next_of(request)) if right else _page(request, form)


# --- pages of the admin ---------------------------------------------------------------------------------------------


class ConfirmedWrites:
    """A ModelAdmin whose every POST needs a fresh proof, apart from searches and the actions in `unconfirmed_actions`."""

    #: Actions of the list that change nothing or only close.
    unconfirmed_actions: frozenset[str] = frozenset({"export_csv", "revoke"})

    def get_urls(self) -> list[URLPattern]:
        """The pages of the admin, guarded."""
        guard = required(self.needs_proof)
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        for url in urls:
            if isinstance(url, URLPattern):
                url.callback = guard(url.callback)
        return urls

    def needs_proof(self, request: HttpRequest, *args: Any, **kwargs: Any) -> bool:
        """Whether this POST does."""
        asked = actions_of(request)
        return not asked or not asked <= self.unconfirmed_actions


def actions_of(request: HttpRequest) -> set[str]:
    """Every action that a list is asked for: it has two menus, and a number says which counts. Empty on other pages."""
    match = request.resolver_match
    is_list = match is not None and str(match.url_name).endswith("_changelist")
    return set(request.POST.getlist("action")) if is_list else set()
