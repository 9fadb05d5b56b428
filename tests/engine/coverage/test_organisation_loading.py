"""A wrong organisation is refused whole, with file, line and field."""

from pathlib import Path

import pytest

from caiso.engine.coverage.organisation import (
    Organisation,
    built_in,
    default_organisation,
    dump,
    dump_scenario,
    join,
    parse_organisation,
    read_organisation,
    read_profile,
    read_scenario,
)
from caiso.engine.coverage.organisation.loading import UnableToFind, find_scenario
from caiso.engine.coverage.organisation.model import Competence, Duty
from caiso.engine.packs import PackError
from tests.engine.coverage.organisations import ANCHORS

HEAD = """\
id: mine
competences:
  - {id: law, title: Law, anchors: [a, b, c, d, e]}
duties:
  - {id: guard, title: Guard, description: Guards., family: security, requires: {law: 2}}
roles:
  - {id: chief, title: Chief, competences: {law: 2}}
  - {id: clerk, title: Clerk}
"""


def refusal(text: str) -> list[str]:
    with pytest.raises(PackError) as caught:
        parse_organisation((HEAD + text).encode(), path=Path("mine.yaml"))
    return str(caught.value).splitlines()


def test_an_unknown_role_is_named_with_line_and_field() -> None:
    found = refusal("assignments:\n  - {duty: guard, role: chief, kind: A}\n  - {duty: guard, role: chef, kind: R}\n")
    assert found == ['mine.yaml:11: role: unknown role "chef"']


def test_every_unknown_reference_is_reported_at_once() -> None:
    found = refusal("holdings:\n  - {person: ada, role: boss}\nassignments:\n  - {duty: gard, role: chief, kind: A}\n")
    assert found == [
        'mine.yaml:10: person: unknown person "ada"',
        'mine.yaml:10: role: unknown role "boss"',
        'mine.yaml:12: duty: unknown duty "gard"',
    ]


def test_a_circle_of_solid_lines_is_refused_with_its_way() -> None:
    found = refusal("lines:\n  - {from: chief, to: clerk}\n  - {from: clerk, to: chief}\n")
    assert found == ["mine.yaml:10: to: solid lines form a circle: chief > clerk > chief"]


def test_a_circle_of_dotted_lines_is_allowed() -> None:
    text = "lines:\n  - {from: chief, to: clerk, kind: dotted}\n  - {from: clerk, to: chief}\n"
    assert len(parse_organisation((HEAD + text).encode(), path=Path("x.yaml")).lines) == 2


def test_a_circle_that_exists_for_a_while_only_is_refused() -> None:
    dated = (
        "lines:\n  - {from: chief, to: clerk, until_on: 2026-06-30}\n  - {from: clerk, to: chief, since_on: 2026-%s}\n"
    )
    assert refusal(dated % "06-01")[0].startswith("mine.yaml:10: to: solid lines form a circle")
    assert parse_organisation((HEAD + dated % "07-01").encode(), path=Path("x.yaml")).lines


def test_two_solid_lines_at_once_are_refused() -> None:
    head = HEAD.replace("roles:\n", "roles:\n  - {id: board, title: Board}\n")
    text = "lines:\n  - {from: chief, to: clerk}\n  - {from: chief, to: board}\n"
    with pytest.raises(PackError, match='role "chief" has two solid lines at once'):
        parse_organisation((head + text).encode(), path=Path("mine.yaml"))


@pytest.mark.parametrize("level", ["5", "-1"])
def test_a_level_out_of_range_is_refused(level: str) -> None:
    source = HEAD.replace("competences: {law: 2}", f"competences: {{law: {level}}}")
    with pytest.raises(PackError, match=rf"mine\.yaml:7: competences\.law {level} is too (large|small)"):
        parse_organisation(source.encode(), path=Path("mine.yaml"))


def test_a_circle_of_units_and_reversed_dates_are_refused() -> None:
    found = refusal(
        "units:\n  - {id: a, title: A, parent: b}\n  - {id: b, title: B, parent: a}\n"
        "people:\n  - {id: ada, name: Ada}\n"
        "holdings:\n  - {person: ada, role: chief, since_on: 2026-02-01, until_on: 2026-01-01}\n"
    )
    assert found == [
        "mine.yaml:10: parent: units form a circle: a > b > a",
        "mine.yaml:15: until_on 2026-01-01 is before since_on 2026-02-01",
    ]


def test_the_same_id_twice_in_one_file_is_refused() -> None:
    assert refusal("people:\n  - {id: ada, name: Ada}\n  - {id: ada, name: Adam}\n") == [
        'mine.yaml:11: person "ada" stands twice in people'
    ]


PEOPLE = "people:\n  - {id: ada, name: Ada}\n  - {id: ben, name: Ben}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lines:\n  - {from: chief, to: chief, kind: dotted}\n", '10: to: role "chief" does not answer to itself'),
        (
            "lines:\n  - {from: clerk, to: chief}\n  - {from: clerk, to: chief, kind: dotted}\n",
            '11: to: role "clerk" answers to "chief" twice at once',
        ),
        (
            f"{PEOPLE}holdings:\n  - {{person: ada, role: chief, until_on: 2026-06-30}}\n"
            "  - {person: ada, role: chief, since_on: 2026-06-30}\n",
            '14: role: person "ada" holds role "chief" twice at once',
        ),
        (
            f"{PEOPLE}delegates:\n  - {{person: ada, delegate: ada, role: chief}}\n",
            "13: delegate: nobody stands in for themselves",
        ),
        (
            "units:\n  - {id: bank, title: Bank}\nsystems:\n  - {id: bot, title: Bot}\n"
            "assignments:\n  - {duty: guard, role: chief, kind: A, unit: bank, system: bot}\n",
            "14: system: give either a unit or a system, not both",
        ),
        (
            "people:\n  - {id: ada, name: Ada, skills: [{competence: law, level: 1}, {competence: law, level: 4}]}\n",
            '10: competence: "law" stands twice among the skills of ada',
        ),
        (
            "people:\n  - {id: ada, name: Ada, absences: [{since_on: 2026-02-01, until_on: 2026-01-01}]}\n",
            "10: until_on 2026-01-01 is before since_on 2026-02-01",
        ),
        ("profile:\n  weights: {luck: 3}\n", '10: weights: unknown criterion "luck"'),
        (
            "criteria:\n  - {id: luck, title: Luck, description: Luck.}\n"
            "profile_rules:\n  - {criterion: luck, when: {weather: [large]}, reason: x}\n",
            '12: when: unknown field "weather", expected one of size, regulation',
        ),
        (
            "criteria:\n  - {id: luck, title: Luck, description: Luck.}\n"
            "profile_rules:\n  - {criterion: luck, when: {size: [tiny]}, reason: x}\n",
            '12: when: size is never "tiny", expected one of small, medium',
        ),
        (
            "authority_records:\n  - {id: a, kind: budget, role: chief, on: 2026-01-01, need: 5}\n",
            "10: kind budget needs the key approved",
        ),
        ("without: [lines]\n", "9: without leaves out parts of what is extended, so the key extends is missing"),
    ],
)
def test_what_cannot_be_is_refused_at_its_line(text: str, message: str) -> None:
    assert refusal(text)[0].startswith(f"mine.yaml:{message}")


def test_dated_records_that_follow_each_other_are_sound() -> None:
    text = (
        f"{PEOPLE}holdings:\n  - {{person: ada, role: chief, until_on: 2026-06-30}}\n"
        "  - {person: ada, role: chief, since_on: 2026-07-01}\n"
        "lines:\n  - {from: clerk, to: chief, until_on: 2026-06-30}\n"
        "  - {from: clerk, to: chief, kind: dotted, since_on: 2026-07-01}\n"
    )
    assert len(parse_organisation((HEAD + text).encode(), path=Path("x.yaml")).holdings) == 2


def test_a_template_that_somebody_holds_is_part_of_the_organisation() -> None:
    text = b"id: mine\nextends: default\npeople: [{id: ada, name: Ada}]\nholdings: [{person: ada, role: caiso}]\n"
    mine = parse_organisation(text, path=Path("mine.yaml"))
    assert [role.id for role in mine.roles if role.template] == [
        "aisoc-lead",
        "ai-security-architect",
        "ai-red-team-lead",
        "ai-security-grc-lead",
    ]


def test_an_extending_file_arranges_for_itself_what_it_leaves_out() -> None:
    text = (
        b"id: mine\nextends: three-officers\nwithout: [people, assignments, lines]\n"
        b"people: [{id: ada, name: Ada}]\nholdings: [{person: ada, role: ciso}]\n"
        b"lines: [{from: ciso, to: cto}]\nassignments: [{duty: ai-risk-treatment, role: ciso, kind: A}]\n"
    )
    mine = parse_organisation(text, path=Path("mine.yaml"))
    assert (len(mine.people), len(mine.holdings), len(mine.lines), len(mine.assignments)) == (1, 1, 1, 1)
    assert mine.duties == default_organisation().duties
    assert parse_organisation(dump(mine).encode(), path=Path("x.yaml")) == mine
    with pytest.raises(PackError, match="without"):
        parse_organisation(text.replace(b"people, assign", b"duties, assign"), path=Path("mine.yaml"))


def test_hostile_yaml_is_refused() -> None:
    assert "tag" in refusal("title: !!python/object/apply:os.system [id]\n")[0]


def test_a_file_may_extend_a_built_in_organisation(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("id: mine\nextends: three-officers\npeople:\n  - {id: ada, name: Ada}\n")
    mine = read_organisation(path)
    assert {person.id for person in mine.people} == {"caio-holder", "cto-holder", "ciso-holder", "ada"}
    assert mine.duties == default_organisation().duties
    assert mine.extends is None


def test_extending_something_unknown_is_refused_with_what_is_known() -> None:
    with pytest.raises(PackError, match=r'mine\.yaml:2: extends "nobody" is wrong, expected one of default, three'):
        parse_organisation(b"id: mine\nextends: nobody\n", path=Path("mine.yaml"))


def test_a_later_fragment_replaces_a_record_with_the_same_id_in_its_place() -> None:
    first = Organisation("a", duties=(Duty("x", "Old", "Old.", "ai"), Duty("y", "Y", "Y.", "ai")))
    joined = join([first, Organisation("b", duties=(Duty("x", "New", "New.", "ai"),))])
    assert [duty.title for duty in joined.duties] == ["New", "Y"]


def test_the_shipped_organisations_survive_yaml_unchanged() -> None:
    for organisation in (default_organisation(), built_in("three-officers")):
        assert parse_organisation(dump(organisation).encode(), path=Path("x.yaml")) == organisation


def test_text_that_yaml_would_take_for_something_else_stays_text() -> None:
    for title in ("null", "true", "1.0", "2026-11-22", "a: b", "# no", "- x", " pad ", "two\nlines", "é\u2028\x85\x07"):
        told = Organisation("x", title=title, competences=(Competence("law", title, ANCHORS),))
        assert parse_organisation(dump(told).encode(), path=Path("x.yaml")) == told


def test_a_scenario_survives_yaml_and_a_wrong_one_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    scenario = find_scenario(default_organisation(), "extend-ciso")
    path.write_text(dump_scenario(scenario))
    assert read_scenario(path) == scenario
    path.write_text("scenario:\n  id: x\n  title: X\n  description: X.\n  changes:\n    - {op: hire, role: ciso}\n")
    with pytest.raises(PackError, match=r"scenario\.yaml:6: hire needs the key person"):
        read_scenario(path)


def test_a_profile_is_read_and_a_wrong_value_names_the_choices(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text("size: small\nai_criticality: core\nweights: {independence: 9}\n")
    assert read_profile(path).weights == {"independence": 9.0}
    path.write_text("size: tiny\n")
    with pytest.raises(PackError, match=r"profile\.yaml:1: size \"tiny\" is wrong, expected one of small"):
        read_profile(path)


def test_an_unknown_built_in_name_lists_the_known_ones() -> None:
    with pytest.raises(UnableToFind, match="default, three-officers"):
        built_in("four-officers")
    with pytest.raises(UnableToFind, match="add-caiso"):
        find_scenario(default_organisation(), "add-cfo")
