"""Writes an organisation as YAML that reads back to the same value."""

import dataclasses
from datetime import date

import yaml

from caiso.engine.coverage.organisation.changes import Scenario
from caiso.engine.coverage.organisation.whole import Organisation


class _Dumper(yaml.SafeDumper):
    """Quotes what our YAML 1.2 reader and a YAML 1.1 reader would take differently; never writes aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = text and all(letter.isalnum() or letter in "-_ " for letter in text) and text[0].isalpha()
    reserved = text.lower() in {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style=None if plain and not reserved and text == text.strip() else '"'
    )


_Dumper.add_representer(str, _text)


def dump(organisation: Organisation) -> str:
    """YAML of everything that differs from the fields' defaults, in the order of the model."""
    return _write(plain(organisation))


def dump_scenario(scenario: Scenario) -> str:
    """YAML of one scenario, as `read_scenario` reads it."""
    return _write({"scenario": plain(scenario)})


def plain(record: object) -> object:
    """Dicts, lists and scalars; fields at their default are left out."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {
            field.name.rstrip("_"): plain(getattr(record, field.name))
            for field in dataclasses.fields(record)
            if not _at_default(field, getattr(record, field.name))
        }
    if isinstance(record, tuple | list):
        return [plain(item) for item in record]
    if isinstance(record, dict):
        return {key: plain(record[key]) for key in sorted(record)}  # a database may keep them in an order of its own
    return record


def _at_default(field: "dataclasses.Field[object]", value: object) -> bool:
    if field.default is not dataclasses.MISSING:
        return bool(value == field.default)
    return field.default_factory is not dataclasses.MISSING and bool(value == field.default_factory())


def _date(dumper: yaml.SafeDumper, day: date) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:timestamp", day.isoformat())


_Dumper.add_representer(date, _date)


def _write(value: object) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
