"""An approval that no run has begun under ends: approved_until, set when it is given and taken away by the claim."""

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

#: Approvals of before: as if they had been given with an end. The claim has taken it from those whose run began.
OLD_ONES = """
UPDATE agency_tasks t SET approved_until = greatest(t.human_reviewed_at, t.scheduled_for) + make_interval(hours => {hours})
WHERE t.review = 'approved' AND t.status IN ('pending', 'queued', 'deferred') AND NOT EXISTS (
  SELECT 1 FROM task_executions x WHERE x.task_id = t.id AND x.run_generation = t.run_generation)
"""

GUARD = """
CREATE FUNCTION agency_tasks_approval_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.review <> 'approved' AND NEW.approved_until IS NULL THEN
    RAISE EXCEPTION 'the approval of task % has no end', NEW.id USING ERRCODE = 'TX010';
  END IF;
  -- the claim looks at the clock a moment before this does
  IF NEW.status = 'in_progress' AND OLD.status <> 'in_progress'
     AND OLD.approved_until < clock_timestamp() - interval '1 minute' THEN
    RAISE EXCEPTION 'the approval of task % ended at %', NEW.id, OLD.approved_until USING ERRCODE = 'TX010';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER agency_tasks_approval_end BEFORE UPDATE ON agency_tasks
  FOR EACH ROW WHEN (NEW.review = 'approved' AND (OLD.review <> 'approved' OR OLD.approved_until IS NOT NULL))
  EXECUTE FUNCTION agency_tasks_approval_end();
"""

UNDO = """
DROP TRIGGER agency_tasks_approval_end ON agency_tasks;
DROP FUNCTION agency_tasks_approval_end();
"""


def _give_ends(apps, schema_editor):
    schema_editor.execute(OLD_ONES.format(hours=int(settings.REVIEW_APPROVAL_HOURS)))


class Migration(migrations.Migration):
    dependencies = [("tasks", "0008_audit_many")]

    operations = [
        migrations.AddField(
            model_name="agencytask",
            name="approved_until",
            field=models.DateTimeField(
                editable=False, help_text="An approval that no run has begun under ends then.", null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="agencytask",
            constraint=models.CheckConstraint(
                condition=Q(approved_until__isnull=True) | Q(review="approved"), name="task_end_is_of_an_approval"
            ),
        ),
        migrations.AddIndex(
            model_name="agencytask",
            index=models.Index("approved_until", name="task_approval_ends", condition=Q(approved_until__isnull=False)),
        ),
        migrations.RunPython(_give_ends, migrations.RunPython.noop, elidable=True),
        migrations.RunSQL(GUARD, UNDO),
    ]
