"""The second factor of staff: a code from an authenticator app (TOTP, RFC 6238), or one of ten codes on paper.

A session that has the password but owes the code counts as signed out everywhere, the API included
(agency.console.sessions); only the two pages here know it.
"""

from __future__ import annotations

import secrets
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login as otp_login
from django_otp import match_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from agency.console import accounts, freshness

PAPER_CODES = 10


class CodeForm(forms.Form):
    """One code: six digits of the app, or eight letters from paper."""

    code = forms.CharField(
        max_length=16,
        strip=True,
        label="Code",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True, "spellcheck": "false"}
        ),
    )


def address() -> str:
    """Where a second factor is given."""
    return reverse("admin:two_factor")


def is_owed(user: Any) -> bool:
    """The person must still prove themselves: they have an authenticator, or the house demands one of staff."""
    if not user.is_authenticated or user.is_verified():
        return False
    if settings.REQUIRE_TWO_FACTOR and user.is_staff:
        return True
    return has_device(user)


def has_device(user: Any) -> bool:
    """An authenticator was set up."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def owed_by(request: HttpRequest) -> Any:
    """The person who gave a password and owes the second factor, or None."""
    return getattr(request, "password_user", None)


def next_of(request: HttpRequest) -> str:
    """Where the person was going, if that is a page of ours; else the first page."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else reverse("admin:index")


@sensitive_post_parameters("code")
@never_cache
@csrf_protect
def verify(request: HttpRequest) -> HttpResponse:
    """Asks for the code. Wrong codes wait longer and longer (django-otp's throttle)."""
    user = owed_by(request)
    if user is None:
        return redirect(next_of(request))
    if not has_device(user):
        return redirect(f"{reverse('admin:two_factor_set_up')}?next={next_of(request)}")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():  # match_token locks the device rows against a code used twice at once
            device = match_token(user, form.cleaned_data["code"].replace(" ", ""))
        if device is not None:
            _let_in(request, user, device)
            accounts.record("second_factor", request, user=user)
            return redirect(next_of(request))
        accounts.record("second_factor_failed", request, user=user)
        form.add_error("code", _("This code is not right, was used before, or came too soon after a wrong one."))
    return _page(request, form, user, _("Enter the code of your authenticator"))


@sensitive_post_parameters("code")
@never_cache
@csrf_protect
def set_up(request: HttpRequest) -> HttpResponse:
    """Shows the secret as a picture and as text, and keeps it once a code proves that the app has it."""
    user = owed_by(request) or request.user
    if not user.is_authenticated or has_device(user):
        return redirect(next_of(request))
    if owed_by(request) is None and not freshness.is_fresh(
        request
    ):  # else a stolen session would get a device of its own
        return redirect(f"{reverse('admin:confirm')}?{urlencode({'next': request.get_full_path()})}")
    device = _unconfirmed(user)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if device.verify_token(form.cleaned_data["code"].replace(" ", "")):
            codes = _confirm(request, device, user)
            context = {"paper_codes": codes, "next": next_of(request), "title": _("Keep these codes on paper")}
            return render(request, "console/two_factor.html", context)
        form.add_error("code", _("This code is not right. Check the clock of your phone and try the next one."))
    picture = segno.make(device.config_url, error="m").svg_data_uri(scale=5, border=3, light="white", dark="black")
    secret = device.config_url.split("secret=")[1].split("&")[0]
    return _page(request, form, user, _("Set up an authenticator"), picture=picture, secret=secret)


def _unconfirmed(user: Any) -> TOTPDevice:
    device, _made = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "authenticator"})
    return device


def _confirm(request: HttpRequest, device: TOTPDevice, user: Any) -> list[str]:
    codes = [secrets.token_hex(4) for _number in range(PAPER_CODES)]
    with transaction.atomic():
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        StaticDevice.objects.filter(user=user).delete()
        paper = StaticDevice.objects.create(user=user, name="paper")
        StaticToken.objects.bulk_create(StaticToken(device=paper, token=code) for code in codes)
        accounts.record("second_factor_set_up", request, user=user)
    _let_in(request, user, device)
    return codes


def _let_in(request: HttpRequest, user: Any, device: Any) -> None:
    """The session is worth something from now on, under a key of its own."""
    request.user = user
    request.session.cycle_key()
    otp_login(request, device)
    freshness.mark(request)


def _page(request: HttpRequest, form: CodeForm, user: Any, title: str, **more: Any) -> HttpResponse:
    context = {"form": form, "title": title, "next": next_of(request), "person": user, **more}
    return render(request, "console/two_factor.html", context, status=422 if form.errors else 200)
