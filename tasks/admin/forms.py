"""The forms of the admin that end in a service call: what they take is what the API takes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tasks.errors import Invalid
from tasks.executors import registry
from tasks.inputs import TaskChanges, TaskInput, parse_changes, parse_task
from tasks.models import AgencyTask, ExecutionType, OnDependencyFailure, OnUnknown, Priority, Urgency


def show_errors(form: forms.BaseForm, error: Invalid) -> None:
    """Puts a service's errors beside the fields they name."""
    for item in error.errors:
        name = item.pointer.removeprefix("#/").split("/")[0]
        field = _snake(name)
        inside = item.pointer.removeprefix(f"#/{name}").strip("/")
        message = f"{inside}: {item.message}" if inside else item.message
        form.add_error(field if field in form.fields else None, message)


def _snake(camel: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in camel)


def _level(choices: Any) -> forms.ChoiceField:
    return forms.ChoiceField(choices=[(choice.label, choice.label) for choice in choices])


class TaskForm(forms.Form):
    """What a person may write about a task. `version` is what they saw: a later change by others is not overwritten."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    title = forms.CharField(max_length=500, widget=forms.TextInput(attrs={"class": "vTextField"}))
    description = forms.CharField(required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3}))
    task_type = forms.ChoiceField(label=_("Type"), choices=())
    execution_config = forms.JSONField(
        label=_("What it does"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 14, "class": "code", "spellcheck": "false"}),
        help_text=_(
            "JSON by the type's schema. A secret written here is encrypted and shown as a reference from then on."
        ),
    )
    priority = _level(Priority)
    urgency = _level(Urgency)
    category = forms.CharField(max_length=100, initial="general")
    tags = forms.CharField(required=False, help_text=_("Separated by commas"))
    assigned_to_bot = forms.BooleanField(required=False, initial=True)
    requires_human_review = forms.BooleanField(required=False)
    execution_type = forms.ChoiceField(choices=ExecutionType.choices)
    scheduled_for = forms.SplitDateTimeField(required=False, widget=forms.SplitDateTimeWidget())
    deadline = forms.SplitDateTimeField(required=False, widget=forms.SplitDateTimeWidget())
    max_retries = forms.IntegerField(min_value=0, max_value=10, initial=3)
    on_unknown_outcome = forms.ChoiceField(choices=OnUnknown.choices)
    on_dependency_failure = forms.ChoiceField(choices=OnDependencyFailure.choices)
    depends_on = forms.CharField(required=False, help_text=_("Numbers of tasks, separated by commas"))
    notify_on_complete = forms.BooleanField(required=False, initial=True)
    notify_on_failure = forms.BooleanField(required=False, initial=True)

    def __init__(self, data: Any = None, *, task: AgencyTask | None = None) -> None:
        self.task = task
        initial = (
            _initial(task) if task else {"priority": "medium", "urgency": "normal", "on_dependency_failure": "block"}
        )
        super().__init__(data, initial=initial)
        self.fields["task_type"].choices = [(name, kind.label) for name, kind in registry.known().items()]  # type: ignore[attr-defined]
        for name in ("scheduled_for", "deadline"):
            for part, kind in zip(self.fields[name].widget.widgets, ("date", "time"), strict=True):
                part.input_type = kind
                part.attrs["aria-label"] = f"{name.replace('_', ' ')}: {kind}"
            date, time = self.fields[name].widget.widgets
            date.format, time.format = "%Y-%m-%d", "%H:%M"
        if task:
            del self.fields["task_type"]

    def clean_tags(self) -> list[str]:
        return [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]

    def clean_depends_on(self) -> list[int]:
        words = [word.strip().lstrip("#") for word in self.cleaned_data["depends_on"].split(",") if word.strip()]
        if not all(word.isdecimal() and word.isascii() for word in words):
            raise forms.ValidationError(_("Write numbers of tasks, separated by commas."))
        return [int(word) for word in words]

    def clean_execution_config(self) -> dict[str, Any]:
        config = self.cleaned_data["execution_config"]
        if config is not None and not isinstance(config, dict):
            raise forms.ValidationError(_('Write a JSON object, such as {"apiEndpoint": "https://…"}.'))
        return config or {}

    def as_input(self) -> TaskInput:
        """A new task. Raises Invalid."""
        return parse_task(_wire({name: self.cleaned_data[name] for name in self.fields if name != "version"}))

    def as_changes(self) -> TaskChanges:
        """Only what was changed. Raises Invalid."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data if name != "version"}
        return parse_changes(_wire(changed))


def _wire(values: dict[str, Any]) -> dict[str, Any]:
    names = {**{name: field.alias for name, field in TaskInput.model_fields.items()}}
    return {str(names[name]): value for name, value in values.items()}


def _initial(task: AgencyTask) -> dict[str, Any]:
    same = (
        "version title description execution_config category assigned_to_bot requires_human_review execution_type"
        " scheduled_for deadline max_retries on_unknown_outcome on_dependency_failure notify_on_complete"
        " notify_on_failure"
    )
    upstream = task.dependency_rows.order_by("depends_on_id").values_list("depends_on_id", flat=True)
    return {name: getattr(task, name) for name in same.split()} | {
        "priority": Priority(task.priority).label,
        "urgency": Urgency(task.urgency).label,
        "tags": ", ".join(task.tags),
        "depends_on": ", ".join(map(str, upstream)),
    }
