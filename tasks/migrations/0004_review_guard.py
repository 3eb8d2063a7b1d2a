"""No approved task without valid approvals of its very content: held by the database, whatever code comes through."""

from django.db import migrations

GUARD = """
CREATE FUNCTION agency_tasks_review_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE given integer;
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.review = 'approved' AND coalesce(current_setting('agency.restoring', true), '') <> 'on' THEN
      RAISE EXCEPTION 'a task is not made approved' USING ERRCODE = 'TX006';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.review = 'approved'
     AND (OLD.review <> 'approved' OR NEW.approved_digest <> OLD.approved_digest
          OR NEW.approvals_required > OLD.approvals_required) THEN
    SELECT count(DISTINCT a.user_id) INTO given FROM task_approvals a
      WHERE a.task_id = NEW.id AND a.digest = NEW.approved_digest AND a.decision = 'approved' AND a.voided_at IS NULL;
    IF NEW.approved_digest <> NEW.config_digest OR given < NEW.approvals_required THEN
      RAISE EXCEPTION 'task % has % of % approvals of its content', NEW.id, given, NEW.approvals_required
        USING ERRCODE = 'TX006';
    END IF;
  END IF;
  IF NEW.review = 'none' AND OLD.review <> 'none' THEN
    RAISE EXCEPTION 'the review of task % may not be taken away', NEW.id USING ERRCODE = 'TX007';
  END IF;
  IF NEW.status = 'in_progress' AND OLD.status <> 'in_progress' AND NEW.review = 'approved'
     AND NEW.approved_digest <> NEW.config_digest THEN
    RAISE EXCEPTION 'task % is not what was approved', NEW.id USING ERRCODE = 'TX008';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER agency_tasks_review_guard_insert BEFORE INSERT ON agency_tasks
  FOR EACH ROW WHEN (NEW.review = 'approved') EXECUTE FUNCTION agency_tasks_review_guard();
CREATE TRIGGER agency_tasks_review_guard_update BEFORE UPDATE ON agency_tasks
  FOR EACH ROW WHEN (OLD.review <> 'none' OR NEW.review <> 'none') EXECUTE FUNCTION agency_tasks_review_guard();

CREATE FUNCTION agency_approvals_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.decision = 'approved' AND EXISTS (
        SELECT 1 FROM agency_tasks t WHERE t.id = NEW.task_id AND t.four_eyes
          AND NEW.user_id IN (t.created_by_id, t.last_edited_by_id)) THEN
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

CREATE TRIGGER task_approvals_guard BEFORE INSERT OR UPDATE OR DELETE ON task_approvals
  FOR EACH ROW EXECUTE FUNCTION agency_approvals_guard();
"""

UNDO = """
DROP TRIGGER task_approvals_guard ON task_approvals;
DROP FUNCTION agency_approvals_guard();
DROP TRIGGER agency_tasks_review_guard_update ON agency_tasks;
DROP TRIGGER agency_tasks_review_guard_insert ON agency_tasks;
DROP FUNCTION agency_tasks_review_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("tasks", "0003_review_policies")]

    operations = [migrations.RunSQL(GUARD, UNDO)]
