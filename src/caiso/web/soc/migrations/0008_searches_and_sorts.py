"""Parts that are indexed for searches over events, and the list of alerts in the order of other columns."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('soc', '0007_source_readiness'),
    ]

    operations = [
        migrations.AddField(
            model_name='eventpart',
            name='words',
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['title', 'id', 'unit'], name='alert_by_title'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['technique', 'id', 'unit'], name='alert_by_technique'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['signal_count', 'id', 'unit'], name='alert_by_signals'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['verdict', 'unit'], name='alert_by_verdict'),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["severity", "unit"], name="alert_by_severity"),
        ),
        migrations.AddIndex(
            model_name="eventpart",
            index=models.Index(fields=["words", "created_at"], name="part_to_index"),
        ),
    ]
