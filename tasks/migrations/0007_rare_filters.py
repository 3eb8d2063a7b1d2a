"""Filters on what few tasks have: their own small indexes."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tasks", "0006_task_search"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("requires_human_review", True)),
                name="task_reviewed",
            ),
        ),
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("assigned_to_bot", False)),
                name="task_for_people",
            ),
        ),
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index(
                models.F("source_type"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("source_type", "api"), _negated=True),
                name="task_by_source",
            ),
        ),
    ]
