"""Tasks for tests, made through the service as every door makes them."""

from __future__ import annotations

from typing import Any

import factory
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from tasks import services
from tasks.actors import Actor
from tasks.drafts import Source
from tasks.inputs import TaskInput
from tasks.models import AgencyTask


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = get_user_model()

    username = factory.Sequence(lambda n: f"user{n}")
    password = factory.django.Password("a long password")


class ReviewerFactory(UserFactory):
    """Somebody who may approve and reject."""

    class Meta:
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"reviewer{n}")

    @factory.post_generation
    def roles(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        self.groups.add(Group.objects.get(name="reviewer"))


def task_input(**fields: Any) -> TaskInput:
    """A valid api_call; `fields` are wire names."""
    raw = {
        "title": "Fetch user data",
        "taskType": "api_call",
        "executionConfig": {"apiEndpoint": "https://api.example.com/users", "apiMethod": "GET"},
        **fields,
    }
    return TaskInput.model_validate(raw)


def make_task(actor: Actor | None = None, source: Source | None = None, **fields: Any) -> AgencyTask:
    return services.create(task_input(**fields), actor or Actor("test"), source or Source())
