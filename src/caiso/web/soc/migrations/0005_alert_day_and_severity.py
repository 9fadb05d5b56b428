"""The posture page draws its alerts a day by severity, counted from an index alone."""

import caiso.web.soc.models.alert
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("soc", "0003_search"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="alert",
            name="alert_day",
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                caiso.web.soc.models.alert.UtcDay("created_at"),
                models.F("unit"),
                models.F("severity"),
                name="alert_day_and_severity",
            ),
        ),
    ]
