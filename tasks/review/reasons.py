"""Why a task is rejected: a word that can be counted, besides the text that its creator reads."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class RejectCode(TextChoices):
    """Named reasons for a no."""

    WRONG_CONTENT = "wrong_content", _("Wrong content")
    WRONG_TARGET = "wrong_target", _("Wrong recipient or target")
    WRONG_TIME = "wrong_time", _("Wrong time")
    DUPLICATE = "duplicate", _("Duplicate")
    NOT_NEEDED = "not_needed", _("Not needed any more")
    NOT_ALLOWED = "not_allowed", _("Against the rules")
    OTHER = "other", _("Something else")
