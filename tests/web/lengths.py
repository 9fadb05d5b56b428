"""Which texts are longer than their columns: SQLite keeps them, PostgreSQL refuses them and all that comes with them."""

from django.apps import apps
from django.db.models import CharField
from django.db.models.functions import Length


def overlong() -> list[str]:
    """Model, field and length of each text that is too long, over all tables."""
    found = []
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, CharField) and field.max_length:
                rows = model._default_manager.order_by().annotate(chars=Length(field.name))
                longest = (
                    rows.filter(chars__gt=field.max_length).order_by("-chars").values_list("chars", flat=True).first()
                )
                if longest:
                    found.append(
                        f"{model._meta.label}.{field.name} has {longest} characters, its column {field.max_length}"
                    )
    return found
