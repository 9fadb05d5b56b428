"""Packs: what an author sees when a file is wrong, and what a hostile file cannot do."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from caiso.engine.packs import (
    Between,
    Doc,
    Fault,
    Length,
    Limits,
    PackKind,
    Slug,
    UnableToCompose,
    Words,
    compose,
    duration_text,
    load_folder,
    parse_duration,
    read_source,
    schema_of,
    to_plain,
)


class Severity(StrEnum):
    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Step:
    """One step."""

    name: Slug
    effort: Annotated[int, Between(0, 10)] = 1

    def faults(self) -> list[Fault]:
        return [Fault(("name",), "a step may not be called stop")] if self.name == "stop" else []


@dataclass(frozen=True, slots=True)
class Recipe:
    """A pack of the tests."""

    id: Slug
    title: Words
    severity: Severity
    tone: Literal["dry", "wet"] = "dry"
    version: str = ""
    from_: date | None = None
    seen_at: datetime | None = None
    fresh: timedelta = timedelta(days=1)
    ratio: float = 0.5
    enabled: Annotated[bool, Doc("whether it runs")] = True
    value: bool | int | float | str | tuple[str, ...] | None = None
    steps: Annotated[tuple[Step, ...], Length(0, 3)] = ()
    extra: dict[str, int] = field(default_factory=dict)


KIND = PackKind("recipe", "recipes", Recipe, key=lambda recipe: recipe.id)
PATH = Path("recipes/soup.yaml")
GOOD = b"""id: soup
title: Hot soup
severity: high
version: 1.0
from: 2026-01-02
seen_at: 2026-11-22T10:00:00+01:00
fresh: 36h
value: [a, b]
steps:
  - name: cook
    effort: 3
extra: {salt: 2}
"""


def problems(text: bytes) -> list[str]:
    pack, found = read_source(KIND, text, path=PATH)
    assert (pack is None) == bool(found)
    return [str(problem) for problem in found]


def test_good_file_becomes_a_frozen_dataclass() -> None:
    pack, found = read_source(KIND, GOOD, path=PATH)
    assert not found
    assert pack is not None
    assert pack.value == Recipe(
        id="soup",
        title="Hot soup",
        severity=Severity.HIGH,
        version="1.0",
        from_=date(2026, 1, 2),
        seen_at=datetime(2026, 11, 22, 9, tzinfo=UTC),
        fresh=timedelta(hours=36),
        value=("a", "b"),
        steps=(Step("cook", 3),),
        extra={"salt": 2},
    )
    assert len(pack.digest) == 64


def test_every_mistake_of_a_file_is_named_with_its_line() -> None:
    text = b"""id: Soup!
ttle: x
severity: hgih
from: 2026-13-01
seen_at: 2026-11-22T10:00:00
fresh: soon
ratio: much
enabled: yes
steps:
  - name: cook
    effort: 11
  - effort: 2
  - name: stop
extra: [1]
"""
    assert problems(text) == [
        'recipes/soup.yaml:1: id "Soup!" is wrong, expected small letters, digits and single - _ . between them',
        'recipes/soup.yaml:1: key "title" is missing',
        'recipes/soup.yaml:2: unknown key "ttle", expected one of id, title, severity, tone, version, from, seen_at, '
        "fresh, ratio, enabled, value, steps, extra (did you mean title?)",
        'recipes/soup.yaml:3: severity "hgih" is wrong, expected one of low, high (did you mean high?)',
        'recipes/soup.yaml:4: from "2026-13-01" is not a date such as 2026-11-22',
        'recipes/soup.yaml:5: seen_at "2026-11-22T10:00:00" is not a time with zone such as 2026-11-22T10:00:00Z',
        'recipes/soup.yaml:6: fresh "soon" is not a duration such as 30m, 24h or 7d',
        'recipes/soup.yaml:7: ratio "much" is not a number',
        'recipes/soup.yaml:8: enabled "yes" is not true or false',
        "recipes/soup.yaml:11: effort 11 is too large, expected at most 10",
        'recipes/soup.yaml:12: key "name" is missing in steps[2]',
        "recipes/soup.yaml:13: a step may not be called stop",
        "recipes/soup.yaml:14: extra must be a mapping, found a list",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "the file is empty"),
        (b"- a\n- b\n", ":1: the file must be a mapping with keys, found a list"),
        (b"id: a\nid: b\n", ':2: key "id" stands twice, first on line 1'),
        (b"id: a\n---\nid: b\n", "a second document"),
        (b"id: [a\n", "not valid YAML"),
        (b"id: !!python/object/apply:os.system [ls]\n", "tag"),
        (b"? [a, b]\n: c\n", "a key must be a word"),
        (b"id: *nowhere\n", "alias"),
        (b"id: &a [*a]\n", "no finished anchor"),
        (b"id: \xff\n", ":1: the file is not valid UTF-8"),
        (b"id: soup\ntitle:\nseverity: low\n", ':2: title "" is not a text'),
    ],
)
def test_broken_yaml_is_refused_with_a_reason(text: bytes, expected: str) -> None:
    assert expected in "\n".join(problems(text))


def test_alias_bomb_stops_at_the_expanded_size() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(UnableToCompose, match="once aliases are expanded"):
        compose("\n".join(lines).encode())


def test_aliases_cannot_stack_depth_beyond_the_limit() -> None:
    lines = ["a0: &a0 [[[[[[x]]]]]]"] + [f"a{n}: &a{n} [[[[[[*a{n - 1}]]]]]]" for n in range(1, 60)]
    with pytest.raises(UnableToCompose, match="nested deeper than 32"):
        compose("\n".join(lines).encode())


def test_deep_nesting_and_large_files_are_refused() -> None:
    with pytest.raises(UnableToCompose, match="nested deeper"):
        compose(b"[" * 5000 + b"]" * 5000)
    with pytest.raises(UnableToCompose, match="at most 10 are read"):
        compose(b"a" * 11, Limits(size=10))


def test_small_aliases_are_useful_and_allowed() -> None:
    assert to_plain(compose(b"a: &x {b: 1}\nc: *x\n")) == {"a": {"b": 1}, "c": {"b": 1}}


def test_words_that_yaml_1_1_would_turn_into_booleans_stay_words() -> None:
    assert to_plain(compose(b"[no, yes, on, 1_000, 0x1f, true, ~, '1', 1.5, 012]")) == [
        "no", "yes", "on", "1_000", "0x1f", True, None, "1", 1.5, 12,
    ]  # fmt: skip


def test_the_same_id_in_two_folders_names_both_places(tmp_path: Path) -> None:
    for name in ("shipped", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "soup.yaml").write_bytes(b"# a comment\n" + GOOD)
    packs, found = load_folder(KIND, tmp_path / "shipped", tmp_path / "mine")
    assert [pack.path.parent.name for pack in packs] == ["shipped"]
    assert len(found) == 1
    assert str(found[0]).startswith(f"{tmp_path}/mine/soup.yaml:2: ")
    assert f"{tmp_path}/shipped/soup.yaml:2" in found[0].message


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("id: 1\n")
    (tmp_path / "good.yaml").write_bytes(GOOD)
    packs, found = load_folder(KIND, tmp_path)
    assert [pack.value.id for pack in packs] == ["soup"]
    assert {problem.path.name for problem in found} == {"bad.yaml"}


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "secret.yaml").write_bytes(GOOD)
    (tmp_path / "packs" / "soup.yaml").symlink_to(tmp_path / "secret.yaml")
    packs, found = load_folder(KIND, tmp_path / "packs")
    assert not packs
    assert "outside its folder" in found[0].message


def test_missing_folder_and_unreadable_file_are_problems(tmp_path: Path) -> None:
    assert "is not a folder" in str(load_folder(KIND, tmp_path / "none")[1][0])


def test_schema_accepts_what_the_loader_accepts_and_refuses_what_it_refuses() -> None:
    schema = schema_of(KIND)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert not list(validator.iter_errors(to_plain(compose(GOOD))))
    for bad in (b"id: Soup!\ntitle: a\nseverity: low\n", b"id: a\ntitle: b\nseverity: hgih\n", b"id: a\nttle: b\n"):
        assert list(validator.iter_errors(to_plain(compose(bad))))
    assert schema["properties"]["enabled"]["description"] == "whether it runs"


def test_a_message_carries_nothing_that_a_terminal_would_obey() -> None:
    (message,) = problems('id: soup\ntitle: a\nseverity: "\\e[2J\u202ex"\n'.encode())
    assert message.isprintable()
    assert r"\u001b[2J\u202ex" in message


@given(st.binary(max_size=300))
def test_any_bytes_give_a_pack_or_named_problems(source: bytes) -> None:
    pack, found = read_source(KIND, source, path=PATH)
    assert (pack is None) == bool(found)


@given(st.integers(1, 999_999), st.sampled_from("smhd"))
def test_durations_survive_the_round_trip(number: int, unit: str) -> None:
    duration = parse_duration(f"{number}{unit}")
    assert parse_duration(duration_text(duration)) == duration
