"""A token may be given less than its owner's rate limits."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agency", "0003_api_tokens")]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="share",
            field=models.PositiveSmallIntegerField(
                default=100, help_text="Per cent of its owner's rate limits that this token may use."
            ),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.CheckConstraint(condition=models.Q(("share__range", (1, 100))), name="api_token_share"),
        ),
    ]
