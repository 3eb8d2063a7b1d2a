"""E-mail as SendGrid, Mailgun and Postmark post it: raw MIME or taken apart, with attachments.

Sources: SendGrid "Inbound Parse Webhook"; Mailgun "Receive, forward and store messages"; Postmark "Inbound webhook".
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from email import message_from_bytes, message_from_string
from email.message import EmailMessage
from email.policy import default as MAIL_POLICY
from email.utils import getaddresses
from typing import Any

from lxml import html as lxml_html
from lxml.etree import LxmlError

from agency.strict_json import loads
from webhooks.inbound.forms import Form, read_form
from webhooks.inbound.incoming import Attachment, Incoming, Kind, RawMessage, Unusable

MAX_TEXT = 20_000
_QUOTE_STARTS = (
    re.compile(r"^On .{5,200} wrote:\s*$", re.IGNORECASE),
    re.compile(r"^Am .{5,200} schrieb.{0,100}:\s*$", re.IGNORECASE),
    re.compile(r"^-{2,}\s*(original|forwarded) message\s*-{2,}\s*$", re.IGNORECASE),
    re.compile(r"^_{10,}\s*$"),
    re.compile(r"^From:\s.+@.+", re.IGNORECASE),
)
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")


def sendgrid(raw: RawMessage) -> Incoming:
    """SendGrid Inbound Parse, raw (`email`) or parsed fields."""
    form = read_form(raw.body, raw.headers.get("content-type", raw.content_type))
    passed = _sendgrid_authentic(form)
    if form.get("email"):
        return _from_mime(form.octets.get("email", form.get("email").encode()), passed)
    charsets = _json_object(form.get("charsets"))
    head = _headers(form.get("headers"))
    return _mail(
        head,
        sender=form.get("from"),
        subject=_decoded(form, "subject", charsets),
        text=_decoded(form, "text", charsets),
        html=_decoded(form, "html", charsets),
        attachments=_uploads(form),
        passed=passed,
    )


def _sendgrid_authentic(form: Form) -> set[str]:
    """Domains for which SendGrid found a valid DKIM signature: `{@example.com : pass}`."""
    return {domain.lower() for domain in re.findall(r"@([^\s:}]+)\s*:\s*pass", form.get("dkim"))}


def mailgun(raw: RawMessage) -> Incoming:
    """Mailgun's forward() post: parsed fields, or the whole mail in `body-mime`."""
    form = read_form(raw.body, raw.headers.get("content-type", raw.content_type))
    pairs = _json_list(form.get("message-headers"))
    head = {str(pair[0]).lower(): str(pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2}
    passed = {_domain(form.get("from"))} if head.get("x-mailgun-dkim-check-result", "").lower() == "pass" else set()
    if form.get("body-mime"):
        return _from_mime(form.octets.get("body-mime", form.get("body-mime").encode()), passed)
    return _mail(
        {"message-id": form.get("Message-Id"), **head},
        sender=form.get("from") or form.get("sender"),
        subject=form.get("subject"),
        text=form.get("stripped-text") or form.get("body-plain"),
        html=form.get("stripped-html") or form.get("body-html"),
        attachments=_uploads(form),
        passed=passed,
    )


def postmark(raw: RawMessage) -> Incoming:
    """Postmark's inbound JSON."""
    document = loads(raw.body)
    if not isinstance(document, dict):
        raise Unusable("the body must be a JSON object")
    text = {name: value for name, value in document.items() if isinstance(value, str)}
    rows = [row for row in _list(document.get("Headers")) if isinstance(row, dict)]
    head = {str(row.get("Name", "")).lower(): str(row.get("Value", "")) for row in rows}
    return _mail(
        {"message-id": f"<{text['MessageID']}>" if text.get("MessageID") else "", **head},
        sender=text.get("From", ""),
        sender_name=text.get("FromName", ""),
        subject=text.get("Subject", ""),
        text=text.get("StrippedTextReply") or text.get("TextBody", ""),
        html=text.get("HtmlBody", ""),
        attachments=list(_postmark_attachments(document.get("Attachments"))),
        passed=_dkim_domains(head.get("authentication-results", "")),
    )


def _postmark_attachments(rows: Any) -> Iterable[Attachment]:
    for row in _list(rows):
        if not isinstance(row, dict):
            raise Unusable("an attachment is not an object")
        try:
            data = base64.b64decode(str(row.get("Content", "")), validate=True)
        except binascii.Error as error:
            raise Unusable("an attachment's Content is not base64") from error
        yield Attachment(_file_name(str(row.get("Name", ""))), str(row.get("ContentType", ""))[:200], data)


def _dkim_domains(results: str) -> set[str]:
    """Domains of an Authentication-Results header (RFC 8601) whose DKIM signature passed."""
    found = re.findall(r"dkim=pass[^;]*?header\.(?:d|i)=@?([A-Za-z0-9.-]+)", results)
    return {domain.lower() for domain in found}


# --- MIME ---


def _from_mime(data: bytes, passed: set[str]) -> Incoming:
    """A whole mail, RFC 5322."""
    message = message_from_bytes(data, policy=MAIL_POLICY)
    if not isinstance(message, EmailMessage) or "from" not in message:
        raise Unusable("the mail has no From line")
    head = {name.lower(): str(value) for name, value in reversed(message.items())}
    parts = {kind: _body(message, kind) for kind in ("plain", "html")}
    return _mail(
        head,
        sender=head["from"],
        subject=head.get("subject", ""),
        text=parts["plain"],
        html=parts["html"],
        attachments=[_mime_attachment(part) for part in message.iter_attachments()],
        passed=passed,
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    data = part.get_payload(decode=True)
    return _decode(data if isinstance(data, bytes) else b"", part.get_content_charset() or "utf-8")


def _mime_attachment(part: Any) -> Attachment:
    forwarded = part.get_content_type() == "message/rfc822"
    data = part.as_bytes() if forwarded else part.get_payload(decode=True) or b""
    return Attachment(_file_name(part.get_filename() or ""), part.get_content_type(), data)


def _decode(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


# --- what all three share ---


def _mail(
    head: Mapping[str, str],
    *,
    sender: str,
    subject: str,
    text: str,
    html: str,
    attachments: list[Attachment],
    passed: set[str],
    sender_name: str = "",
) -> Incoming:
    name, address = _address(sender)
    message_id = next(iter(_ids(head.get("message-id", ""))), "")
    references = tuple(dict.fromkeys(_ids(head.get("references", "")) + _ids(head.get("in-reply-to", ""))))
    kind = Kind.IGNORED if _automatic(head, address) else Kind.TEXT
    return Incoming(
        kind,
        external_id=message_id,
        sender=address,
        sender_name=_clean(sender_name or name)[:200],
        thread=references[0] if references else message_id or address,
        subject=_clean(subject)[:500],
        text=without_quotes(_clean(text or text_of_html(html)))[:MAX_TEXT],
        reply_to={"to": address, "messageId": message_id, "subject": _clean(subject)[:200]},
        references=references,
        attachments=tuple(attachments),
        authentic_sender=_domain(address) in passed,
        event_type="automatic" if kind == Kind.IGNORED else "mail",
    )


def _address(text: str) -> tuple[str, str]:
    found = [pair for pair in getaddresses([text.replace("\r", " ").replace("\n", " ")]) if "@" in pair[1]]
    if len(found) != 1:
        raise Unusable("the mail must have exactly one sender address")
    return found[0][0], found[0][1].lower()


def _domain(address: str) -> str:
    return address.rpartition("@")[2].strip("> ").lower()


def _ids(text: str) -> list[str]:
    return _MESSAGE_ID.findall(text)


def _automatic(head: Mapping[str, str], sender: str) -> bool:
    """A mail no person wrote (RFC 3834): answering it would start a loop, acting on it would be worse."""
    if head.get("auto-submitted", "no").strip().lower() != "no":
        return True
    if head.get("precedence", "").strip().lower() in {"bulk", "junk", "list", "auto_reply"}:
        return True
    return head.get("return-path", "x").strip() == "<>" or sender.partition("@")[0] in {"mailer-daemon", "postmaster"}


def without_quotes(text: str) -> str:
    """A reply without the mail it answers and without a signature."""
    kept: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.rstrip() == "--" or line == "-- " or any(start.match(line.strip()) for start in _QUOTE_STARTS):
            break
        if not line.startswith(">"):
            kept.append(line.rstrip())
    return "\n".join(kept).strip()


def text_of_html(markup: str) -> str:
    """The words of an HTML mail; an empty text for markup nobody can read."""
    if not markup.strip():
        return ""
    try:
        document = lxml_html.document_fromstring(markup[: 10 * MAX_TEXT])
    except (LxmlError, ValueError):
        return ""
    for element in document.xpath("//script|//style|//head|//blockquote"):
        element.drop_tree()
    for element in document.xpath("//br|//p|//div|//tr|//li"):
        element.tail = "\n" + (element.tail or "")
    return re.sub(r"\n{3,}", "\n\n", str(document.text_content())).strip()


def _clean(text: str) -> str:
    """Text PostgreSQL can keep: without NUL and without half surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _file_name(name: str) -> str:
    last = re.split(r"[/\\]", _clean(name))[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last)[:200] or "attachment"


def _headers(block: str) -> dict[str, str]:
    message = message_from_string(block.strip() + "\n\n", policy=MAIL_POLICY)
    return {name.lower(): str(value) for name, value in reversed(message.items())}


def _decoded(form: Form, name: str, charsets: Mapping[str, Any]) -> str:
    """SendGrid posts each field in the charset of the mail's part and says which in `charsets`."""
    charset = charsets.get(name)
    if isinstance(charset, str) and name in form.octets:
        return _decode(form.octets[name], charset)
    return form.get(name)


def _uploads(form: Form) -> list[Attachment]:
    return [Attachment(_file_name(part.name), part.content_type, part.data) for part in form.files]


def _json_object(text: str) -> dict[str, Any]:
    value = _json(text)
    return value if isinstance(value, dict) else {}


def _json_list(text: str) -> list[Any]:
    return _list(_json(text))


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError) as error:
        raise Unusable("a field of the form is not JSON") from error


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
