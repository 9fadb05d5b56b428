"""Authority is read from records, stays unknown without one, and says which it read."""

from dataclasses import replace
from datetime import date, timedelta

from caiso.engine.coverage.authority import AuthorityResult, check_authority
from caiso.engine.coverage.organisation import Organisation, built_in
from caiso.engine.coverage.organisation.model import Role
from caiso.engine.coverage.organisation.records import AuthorityRecord
from caiso.engine.coverage.scenario import try_scenario
from caiso.engine.coverage.states import coverage
from tests.engine.coverage.organisations import TODAY


def with_caiso(scenario: str = "add-caiso-and-team") -> Organisation:
    base = built_in("three-officers")
    chosen = next(known for known in base.scenarios if known.id == scenario)
    return try_scenario(base, chosen, as_of=TODAY).applied.organisation


def results(organisation: Organisation, *records: AuthorityRecord, role: str = "caiso") -> dict[str, AuthorityResult]:
    view = coverage(replace(organisation, authority_records=records), as_of=TODAY)
    return {result.check.id: result for result in check_authority(view, role)}


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def test_without_records_everything_is_unknown_and_nothing_is_named() -> None:
    found = results(with_caiso())
    assert {name: result.outcome for name, result in found.items()} == dict.fromkeys(found, "unknown")
    assert len(found) == 6
    assert all(result.records == () for result in found.values())


def test_every_check_passes_on_records_and_names_them() -> None:
    found = results(
        with_caiso(),
        AuthorityRecord("a", "appointment", "caiso", ago(100), level=4),
        AuthorityRecord("b", "board-attendance", "caiso", ago(30)),
        AuthorityRecord("c", "contact", "caiso", ago(10), with_roles=("ciso", "caio")),
        AuthorityRecord("d", "contact", "caiso", ago(20), with_roles=("cto",)),
        AuthorityRecord("e", "decision-right", "caiso", ago(200), subject="stop an AI system"),
        AuthorityRecord("f", "budget", "caiso", ago(90), need=100, approved=120),
        AuthorityRecord("g", "escalation-path", "caiso", ago(90), with_roles=("board",)),
    )
    assert {result.outcome for result in found.values()} == {"pass"}
    assert found["board-access"].records == ("authority:b",)
    assert set(found["regular-contact"].records) == {"authority:c", "authority:d"}
    assert "stop an AI system" in found["decision-rights"].reason


def test_records_that_fall_short_fail() -> None:
    found = results(
        with_caiso(),
        AuthorityRecord("a", "appointment", "caiso", ago(100), level=3),
        AuthorityRecord("b", "board-attendance", "caiso", ago(300)),
        AuthorityRecord("c", "contact", "caiso", ago(10), with_roles=("ciso", "caio")),
        AuthorityRecord("f", "budget", "caiso", ago(90), need=100, approved=60),
        AuthorityRecord("g", "escalation-path", "caiso", ago(90), with_roles=("ciso", "board")),
    )
    outcomes = {name: result.outcome for name, result in found.items()}
    assert outcomes == {
        "executive-level": "fail",
        "board-access": "fail",
        "regular-contact": "fail",
        "decision-rights": "unknown",
        "adequate-resources": "fail",
        "independent-voice": "fail",
    }
    assert "Chief Technology Officer (never)" in found["regular-contact"].reason
    assert found["regular-contact"].records == ("authority:c",), "the one meeting with two of them is named once"
    assert "300 days ago" in found["board-access"].reason


def test_the_newest_appointment_counts_and_the_future_is_not_read() -> None:
    found = results(
        with_caiso(),
        AuthorityRecord("old", "appointment", "caiso", ago(100), level=2),
        AuthorityRecord("new", "appointment", "caiso", ago(10), level=4),
        AuthorityRecord("later", "appointment", "caiso", TODAY + timedelta(days=1), level=1),
    )["executive-level"]
    assert (found.outcome, found.records) == ("pass", ("authority:new",))


def test_an_overloaded_holder_fails_resources_without_any_budget() -> None:
    found = results(with_caiso("add-caiso"))["adequate-resources"]
    assert found.outcome == "fail"
    assert "holding:caiso-holder:caiso" in found.records


def test_a_word_stands_in_only_where_nothing_is_on_record_and_while_it_is_fresh() -> None:
    said = AuthorityRecord(
        "w", "attestation", "caiso", ago(10), check="board-access", holds=True, attested_by="Chair", evidence="minutes"
    )
    found = results(with_caiso(), said)["board-access"]
    assert (found.outcome, found.attested, found.records) == ("pass", True, ("authority:w",))
    assert results(with_caiso(), replace(said, on=ago(400)))["board-access"].outcome == "unknown"
    assert results(with_caiso(), replace(said, attested_by=""))["board-access"].outcome == "unknown"
    beaten = results(with_caiso(), said, AuthorityRecord("b", "board-attendance", "caiso", ago(300)))["board-access"]
    assert (beaten.outcome, beaten.attested) == ("fail", False)


def test_a_confirmed_level_needs_no_appointment_and_a_missing_role_is_unknown() -> None:
    base = with_caiso()
    roles = tuple(replace(role, confirmed=True) if role.id == "caiso" else role for role in base.roles)
    assert results(replace(base, roles=roles))["executive-level"].records == ("role:caiso",)
    missing = results(built_in("three-officers"))
    assert {result.outcome for result in missing.values()} == {"unknown"}
    assert isinstance(roles[0], Role)
