from __future__ import annotations
import pytest
from django.urls import reverse
from tasks.tests.factories import make_task
from tasks.tests.test_admin import signed_in
pytestmark = pytest.mark.django_db


def test_pages_open() -> None:
    c = signed_in("reviewer")
    assert c.get(reverse("review:queue")).status_code == 200
    t = make_task(requiresHumanReview=True)
    for a in (reverse("review:queue"), reverse("review:list"), reverse("review:task", args=[t.pk])):
        r = c.get(a)
        assert r.status_code == 200, a
