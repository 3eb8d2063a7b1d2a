"""No epoch is skipped: what no attempt of this life of the database took can fence nobody off. A restore may leap."""

from django.db import migrations

GUARD = """
CREATE FUNCTION agency_tasks_no_leap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF coalesce(current_setting('agency.restoring', true), '') <> 'on' THEN
    RAISE EXCEPTION 'epoch of task % may not leap from % to %', OLD.id, OLD.epoch, NEW.epoch USING ERRCODE = 'TX003';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER agency_tasks_no_leap BEFORE UPDATE OF epoch ON agency_tasks
  FOR EACH ROW WHEN (NEW.epoch > OLD.epoch + 1) EXECUTE FUNCTION agency_tasks_no_leap();
"""

UNDO = """
DROP TRIGGER agency_tasks_no_leap ON agency_tasks;
DROP FUNCTION agency_tasks_no_leap();
"""


class Migration(migrations.Migration):
    dependencies = [("tasks", "0011_review_order")]

    operations = [migrations.RunSQL(GUARD, UNDO)]
