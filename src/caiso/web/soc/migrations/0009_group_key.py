"""Room for the keys of alerts, which name artefacts and people; the engine bounds them to as much."""

from typing import Any

from django.db import migrations, models


class Widen(migrations.AlterField):
    """On SQLite, which holds no text to its column's length, the table stays as it is: made anew, it would lose the
    triggers that its text index hangs on.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != 'sqlite':
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != 'sqlite':
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):

    dependencies = [
        ('soc', '0008_searches_and_sorts'),
    ]

    operations = [
        Widen(
            model_name='alert',
            name='group_key',
            field=models.CharField(max_length=200),
        ),
    ]
