"""The audit of accounts, which the database keeps append-only."""

from django.db import migrations, models

KINDS = [
    ("login", "signed in"),
    ("login_failed", "failed to sign in"),
    ("logout", "signed out"),
    ("locked_out", "locked out"),
    ("second_factor", "gave the second factor"),
    ("second_factor_failed", "gave a wrong second factor"),
    ("second_factor_set_up", "set up a second factor"),
]

GUARD = """
CREATE FUNCTION agency_account_event_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND coalesce(current_setting('agency.pruning', true), '') = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'TX005';
END $$;
CREATE TRIGGER account_event_append_only BEFORE UPDATE OR DELETE ON agency_accountevent
  FOR EACH ROW EXECUTE FUNCTION agency_account_event_kept();
"""

UNDO = """
DROP TRIGGER account_event_append_only ON agency_accountevent;
DROP FUNCTION agency_account_event_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("agency", "0001_credentials")]

    operations = [
        migrations.CreateModel(
            name="AccountEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("kind", models.CharField(choices=KINDS, max_length=30)),
                ("user_id", models.BigIntegerField(null=True)),
                ("username", models.CharField(blank=True, max_length=150)),
                ("ip", models.GenericIPAddressField(null=True)),
                ("agent", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["user_id", "-id"], name="account_event_by_user")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", [word for word, _ in KINDS])), name="account_event_kind_known"
                    )
                ],
            },
        ),
        migrations.RunSQL(GUARD, UNDO),
    ]
