"""Form posts read from raw bytes: urlencoded and multipart, bounded, without Django's request object.

The raw body is kept and verified first; only then is it parsed, possibly by a worker minutes later.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

MAX_FIELDS = 1000


class FormError(ValueError):
    """The form cannot be read. The message is safe to show to the sender."""


@dataclass(frozen=True)
class UploadedPart:
    """One file of a multipart form."""

    field: str
    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Form:
    """Fields in order of arrival (a name may come more than once) and files; `octets` has multipart fields as sent."""

    fields: dict[str, list[str]]
    files: list[UploadedPart]
    octets: dict[str, bytes]

    def get(self, name: str) -> str:
        """The first value of a field, or an empty text."""
        values = self.fields.get(name)
        return values[0] if values else ""


def read_form(raw: bytes, content_type: str) -> Form:
    """Read ``application/x-www-form-urlencoded`` or ``multipart/form-data``. Raises :class:`FormError`."""
    if content_type.lower().startswith("multipart/form-data"):
        return _multipart(raw, content_type)
    return _urlencoded(raw)


def _urlencoded(raw: bytes) -> Form:
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise FormError("the form is not valid UTF-8 or has too many fields") from error
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return Form(fields, [], {})


def _multipart(raw: bytes, content_type: str) -> Form:
    """A multipart form is a MIME message without its head: the standard library's parser reads it without copying to
    disk.
    """
    if "\r" in content_type or "\n" in content_type:
        raise FormError("the content type has a line break")
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + raw
    )
    if not message.is_multipart():
        raise FormError("the multipart form has no readable parts")
    fields: dict[str, list[str]] = {}
    files: list[UploadedPart] = []
    octets: dict[str, bytes] = {}
    for count, part in enumerate(message.iter_parts()):
        if count >= MAX_FIELDS:
            raise FormError(f"the form has more than {MAX_FIELDS} parts")
        name = part.get_param("name", "", header="content-disposition")
        data = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(data, bytes):
            raise FormError("a part of the form has no name")
        filename = part.get_filename()
        if filename is None:
            octets[name] = data
            fields.setdefault(name, []).append(data.decode(part.get_content_charset() or "utf-8", "replace"))
        else:
            files.append(UploadedPart(name, filename, part.get_content_type(), data))
    return Form(fields, files, octets)
