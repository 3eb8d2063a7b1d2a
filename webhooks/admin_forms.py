"""The form of a channel in the admin: the service's own rules, secrets written once."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from tasks.errors import Invalid
from webhooks import channels
from webhooks.models import Webhook


class ChannelForm(forms.ModelForm):
    """What the service takes. Secrets are written here once, when the channel is made; later keys are rotated."""

    inbound_secret = forms.CharField(
        required=False,
        max_length=8192,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="What inbound messages are verified with: given by the provider, or empty to have one made.",
    )
    outbound_secret = forms.CharField(
        required=False,
        max_length=8192,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="The transport's token; for a custom webhook the signing key, or empty to have one made.",
    )

    class Meta:
        model = Webhook
        fields: ClassVar = [
            "name",
            "type",
            "account",
            "accepts_inbound",
            "provider",
            "verification",
            "verification_options",
            "max_body_bytes",
            "text_policy",
            "structured_policy",
            "known_senders_only",
            "use_model",
            "timezone",
            "region",
            "sends_outbound",
            "url",
            "config",
            "custom_headers",
            "owner_address",
            "quiet_start",
            "quiet_end",
        ]

    def clean(self) -> dict[str, Any]:
        """The service's own rules, each error at its field."""
        data = super().clean() or {}
        if not self.errors:
            try:
                self.document = self._document(data)
                channels.check(channels.parse_channel({"type": self.instance.type, **self.document}))
            except Invalid as error:
                for one in error.errors:
                    field = _snake(one.pointer.removeprefix("#/").split("/")[0])
                    self.add_error(field if field in self.fields else None, one.message)
        return data

    def _document(self, data: dict[str, Any]) -> dict[str, Any]:
        document = {camel(name): value for name, value in data.items()}
        for name in ("quietStart", "quietEnd"):
            document[name] = f"{document[name]:%H:%M}" if document.get(name) else None
        return document


def camel(name: str) -> str:
    """The wire name of a field."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
