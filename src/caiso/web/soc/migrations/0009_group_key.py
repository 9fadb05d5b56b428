"""Room for the keys of alerts, which name artefacts and people; the engine bounds them to as much."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('soc', '0008_searches_and_sorts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='alert',
            name='group_key',
            field=models.CharField(max_length=200),
        ),
    ]
