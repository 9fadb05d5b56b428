"""The advice follows the profile, the weights can be moved, and every point has its reason."""

import math

import pytest

from caiso.engine.coverage.advisor import UnableToAdvise, advise, current_structure
from caiso.engine.coverage.organisation import Organisation, built_in, default_organisation
from caiso.engine.coverage.organisation.model import Profile
from caiso.engine.coverage.scenario import try_scenario
from tests.engine.coverage.organisations import TODAY

CATALOGUE = default_organisation()


def first(profile: Profile) -> str:
    return advise(CATALOGUE, profile).ranking[0].alternative.id


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (Profile(), "ciso-solid"),
        (Profile(ai_criticality="core", size="very-large"), "ciso-solid"),
        (Profile(security_in="technology"), "cto-solid"),
        (Profile(risk_function="strong", regulation="heavy", sector="banking"), "cro-solid"),
        (Profile(ai_criticality="existential"), "ceo-solid"),
    ],
)
def test_each_structure_wins_where_the_framework_says_it_fits(profile: Profile, expected: str) -> None:
    assert first(profile) == expected


def test_four_alternatives_are_scored_on_eleven_criteria() -> None:
    advice = advise(CATALOGUE)
    assert [entry.place for entry in advice.ranking] == [1, 2, 3, 4]
    assert all(len(entry.criteria) == 11 for entry in advice.ranking)


def test_reasons_add_up_to_every_point_and_every_weight() -> None:
    for profile in (Profile(), Profile(security_in="technology", risk_function="strong", regulation="heavy")):
        advice = advise(CATALOGUE, profile)
        for weight in advice.weights:
            assert math.isclose(sum(reason.points for reason in weight.reasons), weight.value)
        for entry in advice.ranking:
            for part in entry.criteria:
                assert part.reasons
                assert math.isclose(sum(reason.points for reason in part.reasons), part.points, abs_tol=1e-9)
                assert all(reason.text for reason in part.reasons)
                assert 0 <= part.points <= 5


def test_a_weight_set_by_hand_wins_over_the_profile() -> None:
    advice = advise(CATALOGUE, Profile(regulation="heavy", weights={"independence": 1}), weights={"independence": 10})
    weight = next(weight for weight in advice.weights if weight.criterion == "independence")
    assert (weight.value, weight.reasons[0].source) == (10, "chosen")


def test_weighing_one_thing_only_puts_its_best_first() -> None:
    weights = {criterion.id: 0.0 for criterion in CATALOGUE.criteria} | {"enforcement": 10.0}
    advice = advise(CATALOGUE, Profile(), weights=weights)
    best = max(part.points for entry in advice.ranking for part in entry.criteria if part.criterion == "enforcement")
    assert advice.ranking[0].score == best / 5


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"luck": 1.0}, 'unknown criterion "luck"'), ({"independence": 11.0}, "out of range")],
)
def test_a_wrong_weight_is_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(UnableToAdvise, match=message):
        advise(CATALOGUE, Profile(), weights=weights)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(UnableToAdvise, match="extends: default"):
        advise(Organisation("empty"))
    with pytest.raises(UnableToAdvise, match="every weight is 0"):
        advise(CATALOGUE, weights={criterion.id: 0.0 for criterion in CATALOGUE.criteria})


def test_the_present_lines_can_be_read_as_an_alternative() -> None:
    base = built_in("three-officers")
    assert current_structure(try_scenario(base, base.scenarios[0], as_of=TODAY).before.snapshot, "caiso") is None
    after = try_scenario(base, base.scenarios[0], as_of=TODAY).after.snapshot
    present = current_structure(after, "caiso")
    assert present is not None
    assert (present.solid, present.dotted) == ("ciso", ("caio",))
