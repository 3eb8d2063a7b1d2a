"""One more word of the audit of accounts: somebody proved once more who they are, with their password."""

from django.db import migrations, models

KINDS = [
    ("login", "signed in"),
    ("login_failed", "failed to sign in"),
    ("logout", "signed out"),
    ("locked_out", "locked out"),
    ("second_factor", "gave the second factor"),
    ("second_factor_failed", "gave a wrong second factor"),
    ("second_factor_set_up", "set up a second factor"),
    ("confirmed", "gave the password again"),
]


class Migration(migrations.Migration):
    dependencies = [("agency", "0004_api_token_share")]

    operations = [
        migrations.AlterField(
            model_name="accountevent", name="kind", field=models.CharField(choices=KINDS, max_length=30)
        ),
        migrations.RemoveConstraint(model_name="accountevent", name="account_event_kind_known"),
        migrations.AddConstraint(
            model_name="accountevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", [word for word, _ in KINDS])), name="account_event_kind_known"
            ),
        ),
    ]
