"""The audit of new tasks is written once per statement: a thousand new rows are one INSERT of a thousand lines."""

from django.db import migrations

ONE_STATEMENT = """
CREATE FUNCTION agency_tasks_audit_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_events (task_id, at, kind, actor, actor_user_id, from_status, to_status, reason, epoch, data, request_id)
  SELECT id, clock_timestamp(), 'created', status_actor,
    CASE WHEN status_actor ~ '^user:[0-9]{1,18}:' THEN split_part(status_actor, ':', 2)::bigint END,
    '', status, status_reason, epoch, '{}', coalesce(current_setting('agency.request_id', true), '')
  FROM fresh ORDER BY id;
  RETURN NULL;
END $$;
DROP TRIGGER agency_tasks_audit_created ON agency_tasks;
CREATE TRIGGER agency_tasks_audit_created AFTER INSERT ON agency_tasks
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION agency_tasks_audit_new();
"""

ROW_BY_ROW = """
DROP TRIGGER agency_tasks_audit_created ON agency_tasks;
CREATE TRIGGER agency_tasks_audit_created AFTER INSERT ON agency_tasks
  FOR EACH ROW EXECUTE FUNCTION agency_tasks_audit();
DROP FUNCTION agency_tasks_audit_new();
"""


class Migration(migrations.Migration):
    dependencies = [("tasks", "0007_rare_filters")]

    operations = [migrations.RunSQL(ONE_STATEMENT, ROW_BY_ROW)]
