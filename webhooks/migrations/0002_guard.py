"""What the database itself refuses: edits of the audit trail, and a fencing number that falls."""

from django.db import migrations

GUARD = """
CREATE FUNCTION webhook_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND coalesce(current_setting('agency.pruning', true), '') = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'webhook_events is append-only' USING ERRCODE = 'TX010';
END $$;
CREATE TRIGGER webhook_events_append_only BEFORE UPDATE OR DELETE ON webhook_events
  FOR EACH ROW EXECUTE FUNCTION webhook_events_append_only();

CREATE FUNCTION outbound_messages_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.epoch < OLD.epoch THEN
    RAISE EXCEPTION 'epoch of message % may not fall from % to %', OLD.id, OLD.epoch, NEW.epoch USING ERRCODE = 'TX002';
  END IF;
  IF NEW.epoch <> OLD.epoch + (OLD.state = 'pending' AND NEW.state = 'sending')::int THEN
    RAISE EXCEPTION 'a claim of message % takes the next epoch, and only a claim does', OLD.id USING ERRCODE = 'TX003';
  END IF;
  IF NEW.message_id <> OLD.message_id OR (OLD.expunged_at IS NULL AND NEW.expunged_at IS NULL
      AND (NEW.body IS DISTINCT FROM OLD.body OR NEW.text <> OLD.text)) THEN
    RAISE EXCEPTION 'message % is sent as it was written', OLD.id USING ERRCODE = 'TX004';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER outbound_messages_guard BEFORE UPDATE ON outbound_messages
  FOR EACH ROW EXECUTE FUNCTION outbound_messages_guard();

ALTER TABLE outbound_messages SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE inbound_messages SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);
"""

UNDO = """
DROP TRIGGER outbound_messages_guard ON outbound_messages;
DROP FUNCTION outbound_messages_guard();
DROP TRIGGER webhook_events_append_only ON webhook_events;
DROP FUNCTION webhook_events_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
