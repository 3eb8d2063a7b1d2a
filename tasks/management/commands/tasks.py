"""Tasks from a shell: create, list, show, run, approve, reject, follow; for people, or with --json for scripts."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from pydantic import ValidationError
from pydantic_core import to_json

from agency.api.bodies import errors_of, sentence_of
from agency.api.pagination import Place, rows_at
from tasks import access, following, services
from tasks.actors import Actor
from tasks.api import filters
from tasks.api.requests import TaskQuery
from tasks.api.serializers import event_out, execution_out, task_detail, task_out, tasks_out
from tasks.drafts import Source
from tasks.errors import NotFound, TaskError
from tasks.inputs import parse_task
from tasks.models import AgencyTask, TaskExecution

FINAL_FAILURES = ("failed", "cancelled")


class Command(BaseCommand):
    help = "Tasks from a shell. Every verb takes --json; `follow` and `run --follow` exit 1 when the task fails."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--as", dest="user", default="", help="username to act as; default: the system")
        verbs = parser.add_subparsers(dest="verb", required=True, parser_class=argparse.ArgumentParser)
        create = _verb(verbs, "create", "makes a task from JSON")
        create.add_argument("task", help="JSON as POST tasks/ takes it, @FILE, or - for standard input")
        create.add_argument("--follow", action="store_true")
        listing = _verb(verbs, "list", "lists tasks, newest first")
        listing.add_argument("filters", nargs="*", help="name=value, as in GET tasks/: status=failed search=invoice")
        for verb, does in (
            ("show", "shows one task"),
            ("run", "starts a task by hand"),
            ("follow", "waits for its end"),
        ):
            _verb(verbs, verb, does).add_argument("id", type=int)
        verbs.choices["run"].add_argument("--follow", action="store_true")
        for verb in ("run", "create", "follow"):
            verbs.choices[verb].add_argument("--seconds", type=float, default=3600.0, help="give up after so long")
        approve = _verb(verbs, "approve", "approves a task (needs --as)")
        approve.add_argument("id", type=int)
        approve.add_argument("--notes", default="")
        reject = _verb(verbs, "reject", "rejects a task (needs --as)")
        reject.add_argument("id", type=int)
        reject.add_argument("reason")

    def handle(self, *args: Any, **options: Any) -> None:
        self.json = options["json"]
        self.user = _user(options["user"])
        self.actor = Actor.user(self.user, "command") if self.user else Actor("command line", door="command")
        try:
            getattr(self, f"_{options['verb']}")(options)
        except TaskError as refused:
            self._refuse(refused)

    # --- verbs ----------------------------------------------------------------------------------------------------

    def _create(self, options: dict[str, Any]) -> None:
        item = parse_task(_document(options["task"]))
        access.check_input(self.user, item)
        task = services.create(item, self.actor, Source(type="manual"))
        self._say(task_out(task, self.user), f"Task {task.pk} is {task.status}")
        if options["follow"]:
            self._until_end(task.pk, options["seconds"])

    def _list(self, options: dict[str, Any]) -> None:
        query = _query(options["filters"])
        rows = filters.matching(self._visible(), query).select_related("created_by", "human_reviewed_by")
        found = rows_at(rows, filters.sort_of(query), Place(query.limit, query.offset))
        if self.json:
            self._write(tasks_out(found, self.user))
            return
        for row in found:
            self.stdout.write(f"{row.pk:>8}  {row.status:<13} {row.task_type:<19} {row.title[:70]}")

    def _show(self, options: dict[str, Any]) -> None:
        task = self._find(options["id"])
        recent = list(TaskExecution.objects.filter(task=task).order_by("-attempt")[:5])
        if self.json:
            self._write(task_detail(task, recent, self.user))
            return
        shown = task_out(task, self.user).model_dump(mode="json", by_alias=True)
        for name, value in shown.items():
            if value not in (None, "", [], {}):
                self.stdout.write(f"{name + ':':<22} {value if isinstance(value, str) else json.dumps(value)}")
        for execution in recent:
            self.stdout.write(_attempt(execution))

    def _run(self, options: dict[str, Any]) -> None:
        self._may(options["id"], "execute")
        services.execute(options["id"], self.actor)
        started = {"success": True, "taskId": options["id"], "message": "Task execution started"}
        self._say(started, started["message"])
        if options["follow"]:
            self._until_end(options["id"], options["seconds"])

    def _approve(self, options: dict[str, Any]) -> None:
        self._may(options["id"], "review")
        task = services.approve(options["id"], self.actor, notes=options["notes"])
        self._say(task_out(task, self.user), f"Task {task.pk} is approved and {task.status}")

    def _reject(self, options: dict[str, Any]) -> None:
        self._may(options["id"], "review")
        task = services.reject(options["id"], self.actor, reason=options["reason"])
        self._say(task_out(task, self.user), f"Task {task.pk} is rejected and {task.status}")

    def _follow(self, options: dict[str, Any]) -> None:
        self._until_end(options["id"], options["seconds"])

    def _until_end(self, task_id: int, seconds: float) -> None:
        """Prints what happens as it happens; exits 1 when the task failed, 2 when it is not over in time."""
        self._find(task_id)
        for event in following.events(task_id, seconds):
            said = f"{event.at:%H:%M:%S} {event.to_status or event.kind}" + (
                f": {event.reason}" if event.reason else ""
            )
            self._say(event_out(event), said)
        task = self._find(task_id)
        if not self.json and (task.result_summary or task.last_error):
            self.stdout.write(task.result_summary if task.status == "completed" else task.last_error)
        if task.status in FINAL_FAILURES:
            sys.exit(1)
        if task.status not in following.ENDS:
            raise CommandError(f"Task {task_id} is still {task.status} after {seconds:g} s", returncode=2)

    # --- what they share ------------------------------------------------------------------------------------------

    def _visible(self) -> Any:
        return access.visible_to(self.user) if self.user else AgencyTask.objects.all()

    def _find(self, task_id: int) -> AgencyTask:
        task = self._visible().select_related("created_by", "human_reviewed_by").filter(pk=task_id).first()
        if task is None:
            raise NotFound("No such task")
        found: AgencyTask = task
        return found

    def _may(self, task_id: int, action: str) -> None:
        if self.user:
            access.check(self.user, task_id, action)

    def _say(self, answer: Any, sentence: str) -> None:
        if self.json:
            self._write(answer)
        else:
            self.stdout.write(sentence)
        self.stdout.flush()

    def _write(self, answer: Any) -> None:
        self.stdout.write(to_json(answer).decode())

    def _refuse(self, refused: TaskError) -> None:
        if self.json:
            errors = [vars(error) for error in getattr(refused, "errors", [])]
            self._write({"success": False, "error": str(refused), "errors": errors})
            sys.exit(1)
        raise CommandError(str(refused))


def _verb(verbs: Any, name: str, does: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=does, description=does)
    parser.add_argument("--json", action="store_true", help="one JSON document per line instead of sentences")
    return parser


def _user(name: str) -> Any:
    if not name:
        return None
    users = get_user_model()
    user = users.objects.filter(**{users.USERNAME_FIELD: name}, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user {name!r}")
    return user


def _document(given: str) -> Any:
    try:
        if given == "-":
            return json.load(sys.stdin)
        if given.startswith("@"):
            with open(given[1:], encoding="utf-8") as file:
                return json.load(file)
        return json.loads(given)
    except OSError as error:
        raise CommandError(f"{given[1:]} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(f"The task is not valid JSON: {error}") from None


def _query(pairs: list[str]) -> TaskQuery:
    given: dict[str, Any] = {}
    for pair in pairs:
        name, is_pair, value = pair.partition("=")
        if not is_pair:
            raise CommandError(f"{pair!r} is not name=value")
        given[name] = value.split(",") if name in ("statuses", "priority", "taskType", "tags") else value
    try:
        return TaskQuery.model_validate(given)
    except ValidationError as error:
        raise CommandError(sentence_of(errors_of(TaskQuery, error))) from None


def _attempt(row: TaskExecution) -> str:
    shown = execution_out(row, sensitive=False)
    took = f"{shown.duration} ms" if shown.duration is not None else "running"
    return f"  attempt {row.attempt}: {row.status} ({took}) {row.error}".rstrip()
