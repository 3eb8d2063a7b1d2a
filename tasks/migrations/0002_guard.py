"""What the database itself refuses and records: transitions outside the table, falling epochs, edits of the audit trail."""

from django.db import migrations

GUARD = """
CREATE FUNCTION agency_task_head_start(priority smallint, urgency smallint) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT make_interval(mins => (ARRAY[0, 5, 20, 60])[priority] + (ARRAY[0, 1, 2, 4])[urgency])
$$;

CREATE FUNCTION agency_tasks_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status <> 'pending' THEN
      RAISE EXCEPTION 'task starts as %, expected pending', NEW.status USING ERRCODE = 'TX001';
    END IF;
    NEW.rank_at := NEW.run_at - agency_task_head_start(NEW.priority, NEW.urgency);
    RETURN NEW;
  END IF;

  IF NEW.status <> OLD.status AND NOT (OLD.status || '>' || NEW.status = ANY (ARRAY[
      'pending>queued', 'pending>deferred', 'pending>cancelled', 'pending>failed',
      'queued>in_progress', 'queued>pending', 'queued>deferred', 'queued>cancelled', 'queued>failed',
      'in_progress>completed', 'in_progress>failed', 'in_progress>waiting_input', 'in_progress>cancelled',
      'in_progress>pending', 'in_progress>deferred',
      'waiting_input>queued', 'waiting_input>completed', 'waiting_input>failed', 'waiting_input>cancelled',
      'deferred>pending', 'deferred>cancelled',
      'failed>pending', 'cancelled>pending'])) THEN
    RAISE EXCEPTION 'task % may not go from % to %', OLD.id, OLD.status, NEW.status USING ERRCODE = 'TX001';
  END IF;
  IF NEW.epoch < OLD.epoch THEN
    RAISE EXCEPTION 'epoch of task % may not fall from % to %', OLD.id, OLD.epoch, NEW.epoch USING ERRCODE = 'TX002';
  END IF;
  IF (OLD.status = 'queued' AND NEW.status = 'in_progress') <> (NEW.epoch = OLD.epoch + 1)
     AND coalesce(current_setting('agency.restoring', true), '') <> 'on' THEN
    RAISE EXCEPTION 'a claim of task % takes the next epoch, and only a claim does', OLD.id USING ERRCODE = 'TX003';
  END IF;
  IF OLD.status IN ('in_progress', 'completed') AND NEW.execution_config IS DISTINCT FROM OLD.execution_config THEN
    RAISE EXCEPTION 'task % is % and cannot be edited', OLD.id, OLD.status USING ERRCODE = 'TX004';
  END IF;

  IF NEW.run_at <> OLD.run_at OR NEW.priority <> OLD.priority OR NEW.urgency <> OLD.urgency OR NEW.rank_at IS NULL THEN
    NEW.rank_at := NEW.run_at - agency_task_head_start(NEW.priority, NEW.urgency);
  END IF;
  IF NEW.status = OLD.status AND (NEW.lease_expires_at IS DISTINCT FROM OLD.lease_expires_at
                                  OR NEW.dispatched_at IS DISTINCT FROM OLD.dispatched_at) THEN
    RETURN NEW;  -- a heartbeat or another ring of the doorbell changes nothing a reader could see
  END IF;
  NEW.version := OLD.version + 1;
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE TRIGGER agency_tasks_guard BEFORE INSERT OR UPDATE ON agency_tasks
  FOR EACH ROW EXECUTE FUNCTION agency_tasks_guard();

CREATE FUNCTION agency_tasks_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_events (task_id, at, kind, actor, actor_user_id, from_status, to_status, reason, epoch, data, request_id)
  VALUES (
    NEW.id, clock_timestamp(),
    CASE TG_OP WHEN 'INSERT' THEN 'created' ELSE 'status' END,
    NEW.status_actor,
    CASE WHEN NEW.status_actor ~ '^user:[0-9]{1,18}:' THEN split_part(NEW.status_actor, ':', 2)::bigint END,
    CASE TG_OP WHEN 'INSERT' THEN '' ELSE OLD.status END,
    NEW.status, NEW.status_reason, NEW.epoch, '{}',
    coalesce(current_setting('agency.request_id', true), ''));
  RETURN NULL;
END $$;

CREATE TRIGGER agency_tasks_audit_created AFTER INSERT ON agency_tasks
  FOR EACH ROW EXECUTE FUNCTION agency_tasks_audit();
CREATE TRIGGER agency_tasks_audit_status AFTER UPDATE ON agency_tasks
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION agency_tasks_audit();

CREATE FUNCTION agency_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND coalesce(current_setting('agency.pruning', true), '') = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'TX005';
END $$;

CREATE TRIGGER task_events_append_only BEFORE UPDATE OR DELETE ON task_events
  FOR EACH ROW EXECUTE FUNCTION agency_append_only();

ALTER TABLE agency_tasks SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
ALTER TABLE task_executions SET (autovacuum_vacuum_scale_factor = 0.05);
"""

UNDO = """
DROP TRIGGER task_events_append_only ON task_events;
DROP FUNCTION agency_append_only();
DROP TRIGGER agency_tasks_audit_status ON agency_tasks;
DROP TRIGGER agency_tasks_audit_created ON agency_tasks;
DROP FUNCTION agency_tasks_audit();
DROP TRIGGER agency_tasks_guard ON agency_tasks;
DROP FUNCTION agency_tasks_guard();
DROP FUNCTION agency_task_head_start(smallint, smallint);
"""


class Migration(migrations.Migration):
    dependencies = [("tasks", "0001_initial")]

    operations = [migrations.RunSQL(GUARD, UNDO)]
