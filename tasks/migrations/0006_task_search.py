"""What tasks are found by moves beside them, and indexes of keys that most tasks lack hold only the others."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

KEEP = """
CREATE FUNCTION task_search_of_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_search (task_id, words, tags)
  SELECT id, to_tsvector('simple', title || ' ' || description), tags FROM fresh;
  RETURN NULL;
END $$;
CREATE TRIGGER agency_tasks_words_new AFTER INSERT ON agency_tasks
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION task_search_of_new();

CREATE FUNCTION task_search_of_edited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM task_search WHERE task_id = OLD.id;
  ELSE
    UPDATE task_search SET words = to_tsvector('simple', NEW.title || ' ' || NEW.description), tags = NEW.tags
    WHERE task_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER agency_tasks_words_edited AFTER UPDATE OF title, description, tags ON agency_tasks
  FOR EACH ROW WHEN ((OLD.title, OLD.description, OLD.tags) IS DISTINCT FROM (NEW.title, NEW.description, NEW.tags))
  EXECUTE FUNCTION task_search_of_edited();
CREATE TRIGGER agency_tasks_words_deleted AFTER DELETE ON agency_tasks
  FOR EACH ROW EXECUTE FUNCTION task_search_of_edited();

INSERT INTO task_search (task_id, words, tags)
SELECT id, to_tsvector('simple', title || ' ' || description), tags FROM agency_tasks;
"""

UNDO = """
DROP TRIGGER agency_tasks_words_deleted ON agency_tasks;
DROP TRIGGER agency_tasks_words_edited ON agency_tasks;
DROP TRIGGER agency_tasks_words_new ON agency_tasks;
DROP FUNCTION task_search_of_edited();
DROP FUNCTION task_search_of_new();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tasks", "0005_artifacts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="agencytask",
            name="task_by_completed",
        ),
        migrations.RemoveIndex(
            model_name="agencytask",
            name="task_by_tag",
        ),
        migrations.RemoveIndex(
            model_name="agencytask",
            name="task_search",
        ),
        migrations.RemoveField(
            model_name="agencytask",
            name="search",
        ),
        migrations.CreateModel(
            name="TaskSearch",
            fields=[
                (
                    "task",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_row",
                        serialize=False,
                        to="tasks.agencytask",
                    ),
                ),
                ("words", django.contrib.postgres.search.SearchVectorField()),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), default=list, size=None
                    ),
                ),
            ],
            options={
                "db_table": "task_search",
            },
        ),
        migrations.AlterField(
            model_name="agencytask",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="created_tasks",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="agencytask",
            name="human_reviewed_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reviewed_tasks",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="agencytask",
            name="last_edited_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="edited_tasks",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="agencytask",
            name="schedule",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="tasks.taskschedule",
            ),
        ),
        migrations.AlterField(
            model_name="agencytask",
            name="template",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="tasks.tasktemplate",
            ),
        ),
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index(
                models.F("deadline"),
                models.F("id"),
                condition=models.Q(("deadline__isnull", False)),
                name="task_by_deadline",
            ),
        ),
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index(
                models.F("completed_at"),
                models.F("id"),
                condition=models.Q(("completed_at__isnull", False)),
                name="task_by_completed",
            ),
        ),
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index(
                models.F("template"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("template__isnull", False)),
                name="task_by_template",
            ),
        ),
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index(
                models.F("schedule"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("schedule__isnull", False)),
                name="task_by_schedule",
            ),
        ),
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index(
                models.F("human_reviewed_by"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("human_reviewed_by__isnull", False)),
                name="task_by_reviewer",
            ),
        ),
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index(
                models.F("last_edited_by"), condition=models.Q(("last_edited_by__isnull", False)), name="task_by_editor"
            ),
        ),
        migrations.AddIndex(
            model_name="tasksearch",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["words", "tags"], gin_pending_list_limit=1024, name="task_search_words"
            ),
        ),
        migrations.RunSQL(KEEP, UNDO),
    ]
