"""Four eyes count who wrote what a task does: the writers of its template and schedule, the sender of its message."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

GUARD = """
CREATE OR REPLACE FUNCTION agency_approvals_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.decision = 'approved' AND EXISTS (
        SELECT 1 FROM agency_tasks t WHERE t.id = NEW.task_id AND t.four_eyes
          AND (NEW.user_id IN (t.created_by_id, t.last_edited_by_id){authors})) THEN
      RAISE EXCEPTION 'task % needs four eyes', NEW.task_id USING ERRCODE = 'TX009';
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'DELETE' THEN
    IF coalesce(current_setting('agency.pruning', true), '') = 'on' THEN
      RETURN OLD;
    END IF;
    RAISE EXCEPTION 'task_approvals is append-only' USING ERRCODE = 'TX005';
  END IF;
  IF OLD.voided_at IS NOT NULL OR (to_jsonb(NEW) - 'voided_at') <> (to_jsonb(OLD) - 'voided_at') THEN
    RAISE EXCEPTION 'a decision may be voided once and not changed' USING ERRCODE = 'TX005';
  END IF;
  RETURN NEW;
END $$;
"""
AUTHORS = "\n            OR t.review_plan->'authors' @> to_jsonb(NEW.user_id)"


def _person():
    return models.ForeignKey(
        editable=False,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("tasks", "0009_approvals_end"),
    ]

    operations = [
        migrations.AddField(model_name="tasktemplate", name="last_edited_by", field=_person()),
        migrations.AddField(model_name="taskschedule", name="last_edited_by", field=_person()),
        migrations.RunSQL(GUARD.replace("{authors}", AUTHORS), GUARD.replace("{authors}", "")),
    ]
