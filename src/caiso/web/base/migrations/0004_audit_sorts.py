"""The audit trail in the order of other columns than time."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('base', '0003_search'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='auditrecord',
            index=models.Index(fields=['actor_label', 'id', 'unit'], name='audit_by_actor'),
        ),
        migrations.AddIndex(
            model_name='auditrecord',
            index=models.Index(fields=['verb', 'id', 'unit'], name='audit_by_verb'),
        ),
        migrations.AddIndex(
            model_name='auditrecord',
            index=models.Index(fields=['subject_label', 'id', 'unit'], name='audit_by_subject'),
        ),
    ]
