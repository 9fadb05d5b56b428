"""The posture page counts its alerts by day and severity, and those of each AI system, from an index alone."""

import caiso.web.soc.models.alert
from django.db import migrations, models

from caiso.web.base.textindex import AddTextIndex


class Migration(migrations.Migration):
    dependencies = [
        ("soc", "0004_risk_and_rule_budgets"),
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
                models.F("severity"),
                models.F("unit"),
                name="alert_day_and_severity",
            ),
        ),
        migrations.RemoveIndex(
            model_name="alert",
            name="soc_alert_asset_i_3c8b83_idx",
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["asset", "state", "severity", "unit"], name="alert_of_asset"),
        ),
        migrations.RemoveIndex(
            model_name="alert",
            name="soc_alert_state_b67ebd_idx",
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["state", "unit", "severity", "asset"], name="alert_of_state"),
        ),
        # 0004 wrote the table anew, and SQLite dropped the triggers of its text index with the old one.
        AddTextIndex(
            "soc_alert",
            ["title", "service", "subject_user", "technique", "conversation_id", "trace_id", "agent", "api_key"],
        ),
    ]
