"""The organisation as data: its shapes, how YAML becomes one, what makes one wrong, and how it is written back."""

from caiso.engine.coverage.organisation.changes import Change, Scenario
from caiso.engine.coverage.organisation.dump import dump, dump_scenario, plain
from caiso.engine.coverage.organisation.loading import (
    built_in,
    default_organisation,
    parse_fragment,
    parse_organisation,
    parse_scenario,
    read_organisation,
    read_profile,
    read_scenario,
)
from caiso.engine.coverage.organisation.whole import Organisation, join

__all__ = [
    "Change",
    "Organisation",
    "Scenario",
    "built_in",
    "default_organisation",
    "dump",
    "dump_scenario",
    "join",
    "parse_fragment",
    "parse_organisation",
    "parse_scenario",
    "plain",
    "read_organisation",
    "read_profile",
    "read_scenario",
]
