"""Sentences of the documents that a machine can hold to the truth."""

from __future__ import annotations

import re

import pytest

from agency.local.checkout import CHECKOUT


def required(name):
    lines = (CHECKOUT / name).read_text().splitlines()
    return {re.split(r"[\[<>=~!; ]", line)[0].lower() for line in lines if line and line[0].isalpha()}


@pytest.mark.parametrize("name", ["requirements.in", "requirements-dev.in"])
def test_every_dependency_says_what_it_is_for(name):
    page = (CHECKOUT / "docs" / "dependencies.md").read_text().lower()
    # "pytest, -django, -xdist" and "mypy with stubs" name a family.
    page = page.replace(" -", " pytest-").replace(
        "mypy with stubs", "mypy django-stubs djangorestframework-stubs celery-types types-requests"
    )
    missing = {package for package in required(name) if not re.search(rf"\b{re.escape(package)}\b", page)}
    assert not missing


def test_readme_names_only_targets_that_exist():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", (CHECKOUT / "README.md").read_text()))
    # Words of sentences such as "Python, make and a shell".
    assert named - {"and"} <= targets


def test_readme_pictures_and_pages_exist():
    for link in re.findall(r"\]\((docs/[^)]+)\)", (CHECKOUT / "README.md").read_text()):
        assert (CHECKOUT / link).is_file(), link


def test_decisions_are_numbered_without_gaps():
    numbers = sorted(int(path.name[:4]) for path in (CHECKOUT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
