"""The review queue reads its first page from an index in its own order, however many tasks wait."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("tasks", "0010_authors")]

    operations = [
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index(
                F("review_risk").desc(),
                "review_due_at",
                F("priority").desc(),
                "id",
                name="task_review_order",
                condition=Q(status="pending", review="required"),
            ),
        ),
        migrations.RemoveIndex(model_name="agencytask", name="task_review_queue"),
    ]
