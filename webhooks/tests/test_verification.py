"""Signature schemes against vectors their owners publish, and against every way of getting past them we know."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook as PublicWebhook

from webhooks.inbound.verification import SCHEMES, Options, SignedRequest, Verified, verify
from webhooks.tests.signing import STANDARD_SECRET, compact, form, slack_headers, standard_headers, twilio_signature

NOW = 1_700_000_000.0


def ask(
    scheme: str,
    secrets: list[bytes],
    headers: dict[str, str],
    body: bytes,
    *,
    now: float = NOW,
    url: str = "",
    content_type: str = "",
    options: Options | None = None,
) -> Verified | None:
    return verify(scheme, secrets, SignedRequest(headers, body, url, content_type, now), options)


# --- Standard Webhooks ---

VECTOR_SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def standard(
    headers: dict[str, str], body: bytes = VECTOR_BODY, now: float = 1614265330.0, secret: bytes = VECTOR_SECRET
) -> Verified | None:
    return ask("standard_webhooks", [secret], headers, body, now=now)


def test_the_published_standard_webhooks_vector_is_accepted_also_under_its_svix_names() -> None:
    assert standard(VECTOR_HEADERS) == Verified("standard_webhooks", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330)
    assert standard({name.replace("webhook", "svix"): value for name, value in VECTOR_HEADERS.items()}) is not None


def test_a_standard_webhook_is_accepted_300_seconds_off_and_refused_301_seconds_off_in_both_directions() -> None:
    for seconds, accepted in ((300, True), (-300, True), (301, False), (-301, False)):
        assert (standard(VECTOR_HEADERS, now=1614265330.0 + seconds) is not None) is accepted


def test_a_changed_byte_in_body_id_or_time_is_refused() -> None:
    assert standard(VECTOR_HEADERS, b'{"test": 2432232315}') is None
    assert standard({**VECTOR_HEADERS, "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJeK"}) is None
    assert standard({**VECTOR_HEADERS, "webhook-timestamp": "1614265331"}) is None


@pytest.mark.parametrize("name", VECTOR_HEADERS)
def test_a_missing_standard_header_is_refused(name: str) -> None:
    assert standard({key: value for key, value in VECTOR_HEADERS.items() if key != name}) is None
    assert standard({**VECTOR_HEADERS, name: ""}) is None


@pytest.mark.parametrize(
    "timestamp",
    ["1614265330.9", "1_614_265_330", "1614265330e0", " 1614265330", "+1614265330", "-1", "١٦١٤٢٦٥٣٣٠", "", "x" * 20],
)
def test_a_timestamp_that_is_not_plain_digits_is_refused(timestamp: str) -> None:
    signed = b".".join((b"msg_1", timestamp.encode(), VECTOR_BODY))
    key = base64.b64decode(VECTOR_SECRET[6:])
    mark = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": f"v1,{mark}"}
    assert standard(headers) is None


@pytest.mark.parametrize(
    "signature",
    [
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1,,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1,####g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1,g0hM9SsE",
        "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1,ö",
        "v1,",
        "v1",
        " ",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=,v1,AAAA",
        " ".join(["v1,AAAA"] * 10 + ["v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="]),
        "v1," + "A" * 5000,
    ],
)
def test_a_malformed_standard_signature_is_refused_without_raising(signature: str) -> None:
    assert standard({**VECTOR_HEADERS, "webhook-signature": signature}) is None


def test_any_of_several_signatures_and_any_live_key_will_do() -> None:
    body = b'{"a":1}'
    old, new = STANDARD_SECRET, "whsec_" + base64.b64encode(b"f" * 32).decode()
    headers = standard_headers(body, "msg_2", new, NOW)
    headers["webhook-signature"] = "v1,AAAA " + headers["webhook-signature"]
    assert ask("standard_webhooks", [old.encode(), new.encode()], headers, body) is not None
    assert ask("standard_webhooks", [old.encode()], headers, body) is None


@pytest.mark.parametrize(
    "secret", [b"", b"whsec_", b"whsec_AA==", b"whsec_not base64!", b"whsec_" + base64.b64encode(b"short")]
)
def test_an_empty_short_or_broken_secret_refuses_everything(secret: bytes) -> None:
    try:
        key = base64.b64decode(secret[6:])
    except ValueError:
        key = b""
    mark = base64.b64encode(hmac.new(key, b"msg_1.1700000000.{}", hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1700000000", "webhook-signature": f"v1,{mark}"}
    assert ask("standard_webhooks", [secret], headers, b"{}") is None


def test_bodies_that_are_not_utf8_or_not_json_are_verified_as_bytes() -> None:
    key = base64.b64decode(VECTOR_SECRET[6:])
    for body in (b"\xff\xfe\x00", b"not json"):
        mark = base64.b64encode(hmac.new(key, b"msg_1.1700000000." + body, hashlib.sha256).digest()).decode()
        headers = {"webhook-id": "msg_1", "webhook-timestamp": "1700000000", "webhook-signature": f"v1,{mark}"}
        assert standard(headers, body, NOW) is not None


def test_an_id_with_a_comma_or_blank_is_refused_because_it_may_be_two_headers_joined() -> None:
    key = base64.b64decode(VECTOR_SECRET[6:])
    for message_id in ("msg_1,msg_2", "msg 1", "ü"):
        mark = base64.b64encode(
            hmac.new(key, f"{message_id}.1700000000.{{}}".encode(), hashlib.sha256).digest()
        ).decode()
        headers = {"webhook-id": message_id, "webhook-timestamp": "1700000000", "webhook-signature": f"v1,{mark}"}
        assert standard(headers, b"{}", NOW) is None


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=300).map(
        lambda text: json.dumps({"t": text})
    )
)
def test_we_accept_what_the_public_library_signs_and_refuse_it_with_one_byte_more(body: str) -> None:
    headers = standard_headers(body.encode(), "msg_3", at=NOW)
    assert ask("standard_webhooks", [STANDARD_SECRET.encode()], headers, body.encode()) is not None
    assert ask("standard_webhooks", [STANDARD_SECRET.encode()], headers, body.encode() + b" ") is None


def test_what_we_accept_the_public_library_accepts_too() -> None:
    now = datetime.now(tz=UTC).timestamp()
    headers = standard_headers(b'{"a":1}', "msg_4", at=now)
    assert PublicWebhook(STANDARD_SECRET).verify(b'{"a":1}', headers) == {"a": 1}
    assert ask("standard_webhooks", [STANDARD_SECRET.encode()], headers, b'{"a":1}', now=now) is not None


def test_asymmetric_standard_signatures_are_checked_with_the_public_key_only() -> None:
    private = Ed25519PrivateKey.generate()
    public = b"whpk_" + base64.b64encode(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    mark = base64.b64encode(private.sign(b"msg_1.1700000000.{}")).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1700000000", "webhook-signature": f"v1a,{mark}"}
    assert ask("standard_webhooks", [public], headers, b"{}") is not None
    assert ask("standard_webhooks", [public], headers, b"{ }") is None
    # The public key is not an HMAC key: whoever knows it must not be able to sign with it.
    forged = base64.b64encode(
        hmac.new(base64.b64decode(public[5:]), b"msg_1.1700000000.{}", hashlib.sha256).digest()
    ).decode()
    assert ask("standard_webhooks", [public], {**headers, "webhook-signature": f"v1,{forged}"}, b"{}") is None


# --- Slack ---

SLACK_SECRET = b"8f742231b10e8888abcd99yyyzzz85a5"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SLACK_HEADERS = {
    "x-slack-request-timestamp": "1531420618",
    "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
}


def test_the_published_slack_vector_is_accepted_and_refused_when_old_or_from_the_future() -> None:
    assert ask("slack", [SLACK_SECRET], SLACK_HEADERS, SLACK_BODY, now=1531420618.0) is not None
    assert ask("slack", [SLACK_SECRET], SLACK_HEADERS, SLACK_BODY, now=1531420618.0 + 301) is None
    assert ask("slack", [SLACK_SECRET], SLACK_HEADERS, SLACK_BODY, now=1531420618.0 - 301) is None
    assert ask("slack", [SLACK_SECRET], SLACK_HEADERS, SLACK_BODY + b"x", now=1531420618.0) is None


@pytest.mark.parametrize(
    "change",
    [
        {"x-slack-request-timestamp": "abc"},
        {"x-slack-request-timestamp": ""},
        {"x-slack-signature": "v0=ä"},
        {"x-slack-signature": "a2114d57"},
        {"x-slack-signature": "v0="},
    ],
)
def test_slack_headers_that_crash_the_official_library_are_refused(change: dict[str, str]) -> None:
    assert ask("slack", [SLACK_SECRET], {**SLACK_HEADERS, **change}, SLACK_BODY, now=1531420618.0) is None


def test_slack_headers_from_our_own_signer_pass() -> None:
    assert ask("slack", [b"s3cret"], slack_headers(b"{}", "s3cret", NOW), b"{}") is not None


# --- Stripe ---


def stripe_header(body: bytes, secret: bytes, at: int) -> str:
    return f"t={at},v1={hmac.new(secret, f'{at}.'.encode() + body, hashlib.sha256).hexdigest()},v0=00"


def test_stripe_uses_the_secret_text_as_it_is_and_checks_the_time_on_both_sides() -> None:
    secret, body = b"whsec_plain-text", b'{"id":"evt_1"}'
    header = {"stripe-signature": stripe_header(body, secret, 1_700_000_000)}
    assert ask("stripe", [secret], header, body) is not None
    assert ask("stripe", [secret], header, body, now=NOW + 301) is None
    year_ahead = {"stripe-signature": stripe_header(body, secret, 1_700_000_000 + 31_536_000)}
    assert ask("stripe", [secret], year_ahead, body) is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1700000000",
        "v1=" + "0" * 64,
        "t=1700000000,v1=é",
        "t=1700000000,t=1700000001,v1=" + "0" * 64,
        "t,v1",
        ",".join(["v1=" + "0" * 64] * 11),
    ],
)
def test_malformed_stripe_headers_are_refused(header: str) -> None:
    assert ask("stripe", [b"whsec_x"], {"stripe-signature": header}, b"{}") is None


# --- GitHub ---


def test_the_published_github_vector_is_accepted_and_gives_no_id_because_its_id_is_not_signed() -> None:
    secret, body = b"It's a Secret to Everybody", b"Hello, World!"
    mark = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert ask("github", [secret], {"x-hub-signature-256": mark, "x-github-delivery": "chosen"}, body) == Verified(
        "github"
    )
    assert ask("github", [secret], {"x-hub-signature-256": mark}, body + b"!") is None
    assert ask("github", [secret], {"x-hub-signature-256": mark[7:]}, body) is None
    assert ask("github", [secret], {"x-hub-signature": "sha1=00"}, body) is None


# --- Twilio ---

TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_PARAMS = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}
FORM = "application/x-www-form-urlencoded"


def test_the_published_twilio_vector_is_accepted_with_and_without_the_default_port() -> None:
    header = {"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "content-type": FORM}
    for url in (TWILIO_URL, TWILIO_URL.replace(".com/", ".com:443/")):
        assert ask("twilio", [b"12345"], header, form(TWILIO_PARAMS), url=url, content_type=FORM) is not None
    assert (
        ask("twilio", [b"12345"], header, form({**TWILIO_PARAMS, "Digits": "1235"}), url=TWILIO_URL, content_type=FORM)
        is None
    )
    assert ask("twilio", [b"12345"], header, form(TWILIO_PARAMS), url=TWILIO_URL + "&x=1", content_type=FORM) is None


def test_a_twilio_json_body_needs_its_hash_in_the_signed_address() -> None:
    body = b'{"property": "value", "boolean": true}'
    url = TWILIO_URL + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    header = {"x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4="}
    assert ask("twilio", [b"12345"], header, body, url=url, content_type="application/json") is not None
    assert ask("twilio", [b"12345"], header, body + b" ", url=url, content_type="application/json") is None
    unhashed = {"x-twilio-signature": twilio_signature(TWILIO_URL, {}, "12345")}
    assert ask("twilio", [b"12345"], unhashed, body, url=TWILIO_URL, content_type="application/json") is None


def test_a_missing_or_broken_twilio_header_is_refused() -> None:
    for headers in ({}, {"x-twilio-signature": "###"}, {"x-twilio-signature": "ü"}):
        assert (
            ask(
                "twilio",
                [b"12345"],
                {**headers, "content-type": FORM},
                form(TWILIO_PARAMS),
                url=TWILIO_URL,
                content_type=FORM,
            )
            is None
        )


# --- HighLevel ---


def test_highlevel_signatures_are_checked_with_ed25519_over_the_raw_body() -> None:
    private = Ed25519PrivateKey.generate()
    spki = base64.b64encode(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    options = Options(public_keys=(spki,))
    stamp = datetime.fromtimestamp(NOW, tz=UTC).isoformat()
    body = compact({"type": "InboundMessage", "webhookId": "w1", "timestamp": stamp})
    header = {"x-ghl-signature": base64.b64encode(private.sign(body)).decode()}
    assert ask("ghl", [], header, body, options=options) is not None
    assert ask("ghl", [], header, body, options=options, now=NOW + 23 * 3600) is not None
    assert ask("ghl", [], header, body, options=options, now=NOW + 25 * 3600) is None
    assert ask("ghl", [], header, body + b" ", options=options) is None
    assert ask("ghl", [], header, body) is None  # HighLevel's published key did not sign this
    for value in ("N/A", "", "####", "QUJD", "ü"):
        assert ask("ghl", [], {"x-ghl-signature": value}, body, options=options) is None


# --- generic ---


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_generic_hmac_reads_the_chosen_header_encoding_prefix_and_timestamp(encoding: str) -> None:
    def signed(message: bytes) -> str:
        mark = hmac.new(b"key", message, hashlib.sha256).digest()
        return "sig=" + (mark.hex() if encoding == "hex" else base64.b64encode(mark).decode())

    plain = Options(header="X-Sig", encoding=encoding, prefix="sig=", id_header="X-Id")
    assert ask("hmac_sha256", [b"key"], {"x-sig": signed(b"{}"), "x-id": "e1"}, b"{}", options=plain) == Verified(
        "hmac_sha256", "e1"
    )
    assert ask("hmac_sha256", [b"key"], {"x-sig": signed(b"{}")[4:]}, b"{}", options=plain) is None
    timed = Options(header="X-Sig", encoding=encoding, prefix="sig=", timestamp_header="X-Time")
    headers = {"x-sig": signed(b"1700000000.{}"), "x-time": "1700000000"}
    assert ask("hmac_sha256", [b"key"], headers, b"{}", options=timed) is not None
    assert ask("hmac_sha256", [b"key"], headers, b"{}", options=timed, now=NOW + 400) is None
    assert ask("hmac_sha256", [b"key"], {"x-sig": signed(b"{}")}, b"{}", options=timed) is None


def test_shared_tokens_are_compared_whole_and_marked_weak() -> None:
    assert ask("bearer", [b"tok"], {"authorization": "Bearer tok"}, b"") == Verified("bearer", weak=True)
    assert ask("api_key", [b"tok"], {"x-key": "tok"}, b"", options=Options(header="X-Key")) == Verified(
        "api_key", weak=True
    )
    basic = base64.b64encode(b"agency:tok").decode()
    assert ask(
        "basic", [b"tok"], {"authorization": f"Basic {basic}"}, b"", options=Options(username="agency")
    ) == Verified("basic", weak=True)
    for scheme, header in (
        ("bearer", {"authorization": "Bearer to"}),
        ("bearer", {"authorization": "tok"}),
        ("bearer", {"authorization": "Bearer "}),
        ("api_key", {"x-api-key": "tök"}),
        ("basic", {"authorization": "Basic ####"}),
        ("basic", {"authorization": f"Basic {basic}"}),
    ):
        assert ask(scheme, [b"tok"], header, b"") is None


def test_mailgun_signs_time_and_token() -> None:
    mark = hmac.new(b"key", b"1700000000abc", hashlib.sha256).hexdigest()
    body = form({"timestamp": "1700000000", "token": "abc", "signature": mark})
    headers = {"content-type": FORM}
    assert ask("mailgun", [b"key"], headers, body, content_type=FORM) == Verified(
        "mailgun", "abc", 1_700_000_000, weak=True
    )
    assert ask("mailgun", [b"key"], headers, body, content_type=FORM, now=NOW + 301) is None
    assert ask("mailgun", [b"key"], headers, body.replace(b"abc", b"abd"), content_type=FORM) is None


# --- every scheme ---


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_no_scheme_accepts_a_request_without_headers_or_without_a_secret(scheme: str) -> None:
    assert ask(scheme, [b"secret"], {}, b"{}") is None
    assert ask(scheme, [], {}, b"{}") is None
    assert ask(scheme, [b""], {"authorization": "Bearer ", "x-api-key": ""}, b"") is None


def test_an_unknown_scheme_refuses() -> None:
    assert ask("none", [b"secret"], {}, b"{}") is None


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault of a scheme
@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@given(st.data())
def test_no_header_makes_a_scheme_raise(scheme: str, data: st.DataObject) -> None:
    names = [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-slack-signature",
        "x-slack-request-timestamp",
        "stripe-signature",
    ]
    names += [
        "x-hub-signature-256",
        "x-twilio-signature",
        "x-ghl-signature",
        "authorization",
        "x-api-key",
        "x-signature-256",
    ]
    headers = data.draw(st.fixed_dictionaries({name: st.text(max_size=80) for name in names}))
    body = data.draw(st.binary(max_size=60))
    assert ask(scheme, [b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], headers, body, content_type=FORM) is None
