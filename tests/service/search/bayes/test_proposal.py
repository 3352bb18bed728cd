"""The model-based proposal on the unit cube, and its fallbacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sweep_service.search.bayes import proposal
from sweep_service.search.bayes.axes import Axes, Axis, keys
from sweep_service.search.bayes.hyperparameters import fit
from sweep_service.search.bayes.optimise import Improvement, ascend
from sweep_service.search.bayes.proposal import Data, propose
from sweep_service.search.bayes.surrogate import Surrogate
from sweep_service.search.bayes.triangular import inverse
from sweep_service.search.bayes.tuning import DEFAULT, Tuning

PLANE = Axes((Axis(), Axis()))
MIXED = Axes((Axis(), Axis(3, is_categorical=True), Axis(20)))


def data_of(axes: Axes, unit: np.ndarray, values: np.ndarray) -> Data:
    nothing = np.empty((0, len(axes)))
    return Data(axes, unit, values, np.zeros(len(values)), nothing, nothing)


def data_on(axes: Axes, n: int, n_pending: int = 0) -> Data:
    rng = np.random.default_rng(n)
    unit = axes.snap(rng.random((n + n_pending, len(axes))))
    values = ((unit[:n] - 0.37) ** 2).sum(axis=1)
    return replace(data_of(axes, unit[:n], values), pending=unit[n:])


def beside(data: Data, n_unseen: int, index: int) -> Data:
    """The same when a number of runs just before ``index`` are being asked for."""
    unseen = tuple(range(index - n_unseen, index))
    return replace(data, n_unseen=n_unseen, unseen=unseen)


def model_of(data: Data, has_own_share: bool = True) -> Surrogate:
    return Surrogate.fitted(
        data.axes,
        data.observed,
        data.values,
        data.extra_noise,
        has_own_share=has_own_share,
        tuning=DEFAULT,
        rng=np.random.default_rng(0),
    )


def improvement_on(axes: Axes, n_pending: int = 0) -> Improvement:
    data = data_on(axes, 15, n_pending)
    return model_of(data).improvement(data.pending, 0.0)


@pytest.mark.parametrize("n_pending", [0, 3])
@pytest.mark.parametrize("axes", [PLANE, MIXED])
def test_gradient_of_the_improvement(axes: Axes, n_pending: int) -> None:
    improvement = improvement_on(axes, n_pending)
    at = axes.snap(np.random.default_rng(9).random((6, len(axes))))
    value, gradient = improvement.value_and_gradient(at)
    assert value == pytest.approx(improvement.value(at))
    for j in np.flatnonzero(axes.is_continuous):
        step = np.zeros(len(axes))
        step[j] = 1e-6
        numeric = (improvement.value(at + step) - improvement.value(at - step)) / 2e-6
        assert gradient[:, j] == pytest.approx(numeric, rel=1e-3, abs=1e-4)


def test_improvement_is_on_what_pending_runs_are_believed_to_give() -> None:
    improvement = improvement_on(PLANE, n_pending=3)
    lowest = improvement.posterior.believed.min()
    assert improvement.best <= lowest


def test_what_is_pending_is_worth_little() -> None:
    data = data_on(PLANE, 15)
    model = model_of(data)
    at = np.array([[0.4, 0.4]])
    idle = model.improvement(data.pending, 0.0).value(at)[0]
    assert model.improvement(at, 0.0).value(at)[0] < idle - 2


@pytest.mark.parametrize("axes", [PLANE, MIXED])
def test_ascending_beats_a_dense_grid(axes: Axes) -> None:
    improvement = improvement_on(axes)
    rng = np.random.default_rng(1)
    found, log_ei = ascend(improvement, axes.snap(rng.random((300, len(axes)))), 10, 40, rng)
    dense = axes.snap(rng.random((20_000, len(axes))))
    assert log_ei[0] > improvement.value(dense).max() - 1e-3
    assert (np.diff(log_ei) <= 0).all()
    assert (axes.snap(found) == found).all()


def test_the_forecast_is_in_the_values_own_units() -> None:
    data = data_on(PLANE, 40)
    data = replace(data, values=5000.0 + 300.0 * data.values)
    model = model_of(data)
    improvement = model.improvement(data.pending, 0.0)
    optimum = model.forecast(improvement, np.array([0.37, 0.37]))
    assert optimum.mean == pytest.approx(5000, abs=3)
    assert 0 < optimum.expected_improvement < data.values.min() - 4990
    assert 0 < optimum.std < 10
    far = model.forecast(improvement, np.array([1.0, 1.0]))
    assert far.mean == pytest.approx(5000 + 300 * 2 * 0.63**2, rel=0.02)
    assert far.expected_improvement < optimum.expected_improvement


def test_searching_and_polishing_take_turns() -> None:
    tuning = Tuning(margin=0.1, search_share=0.25)
    margins = [tuning.margin_of(index) for index in range(40)]
    assert margins.count(0.1) == 10
    assert margins[:4] == margins[4:8]


def test_without_knowledge_the_model_looks_inside() -> None:
    """Of values that say nothing; a constant mean would send it to the sides first."""
    axes = Axes((Axis(),) * 6)

    def share_at_sides(steepness: float) -> float:
        found = []
        for seed in range(8):
            rng = np.random.default_rng(seed)
            data = data_of(axes, rng.random((7, 6)), rng.standard_normal(7))
            found.append(propose(data, 7, seed, Tuning(steepness=steepness)).unit)
        return float((np.abs(2 * np.array(found) - 1) > 0.95).mean())

    assert share_at_sides(DEFAULT.steepness) < 0.75 * share_at_sides(0.0)


def test_length_scales_are_of_what_is_over_the_bowl() -> None:
    data = data_on(PLANE, 30)
    model = model_of(data, has_own_share=False)
    squared = PLANE.squared_differences(data.observed, data.observed)
    over_bowl, whole = (
        fit(squared, y, data.extra_noise, DEFAULT.prior(2, has_own_share=False), 30).length_scales
        for y in (model.y - model.bowl.at(data.observed), model.y)
    )
    assert model.hyperparameters.length_scales == pytest.approx(over_bowl)
    assert model.hyperparameters.length_scales != pytest.approx(whole, rel=0.05)


@pytest.mark.parametrize("n_known", [7, 20, 120])
@pytest.mark.parametrize("axes", [Axes((Axis(),)), PLANE, MIXED, Axes((Axis(40), Axis(40)))])
def test_those_who_ask_at_the_same_moment_are_distinguished(axes: Axes, n_known: int) -> None:
    """Even where all of them want the same corner."""
    for seed in range(3):
        rng = np.random.default_rng([seed, n_known])
        unit = axes.snap(rng.random((n_known, len(axes))))
        known = data_of(axes, unit, unit.sum(axis=1))
        asked = [propose(beside(known, i, n_known + i), n_known + i, seed).unit for i in range(3)]
        assert len(set(keys(np.array(asked)))) == 3


@pytest.mark.parametrize("n_known", [0, 2, 20, 120])
@pytest.mark.parametrize("axes", [PLANE, MIXED, Axes((Axis(),) * 8)])
def test_not_to_have_heard_from_others_changes_nothing(axes: Axes, n_known: int) -> None:
    """They are guessed exactly as they were answered, in the start phase too."""
    known = data_on(axes, n_known)
    asked = known.pending
    for i in range(4):
        unheard = propose(beside(known, i, n_known + i), n_known + i, 3)
        heard = propose(replace(known, pending=asked), n_known + i, 3)
        assert (unheard.unit == heard.unit).all()
        asked = np.concatenate([asked, heard.unit[None]])


def test_without_values_there_is_no_model() -> None:
    assert "no run has a value" in propose(data_on(PLANE, 0), 0, 0).reason
    one = propose(data_on(PLANE, 1, n_pending=10), 11, 0)
    assert "not enough" in one.reason


def test_a_model_that_cannot_be_factorised_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(np.linalg, "cholesky", fail)
    found = propose(data_on(PLANE, 12), 12, 0)
    assert found.reason == "the model could not be fitted"
    assert found.forecast is None
    assert found.unit.shape == (2,)


def test_thousands_of_runs_without_a_value_cost_no_more() -> None:
    first = propose(data_on(PLANE, 0), 10**9, 0)
    second = propose(data_on(PLANE, 0), 10**9 + 1, 0)
    assert (first.unit != second.unit).any()


def test_hundreds_of_axes() -> None:
    axes = Axes((*[Axis()] * 300, *[Axis(5, is_categorical=True)] * 100))
    found = propose(data_on(axes, 60), 60, 0)
    assert found.forecast is not None
    assert (axes.snap(found.unit[None])[0] == found.unit).all()


def test_start_points_do_not_depend_on_what_is_known() -> None:
    alone = propose(data_on(PLANE, 0), 2, 5).unit
    informed = propose(data_on(PLANE, 1), 2, 5).unit
    assert (alone == informed).all()


def test_runs_nobody_has_heard_from_are_imagined() -> None:
    data = data_on(PLANE, 12)
    units = [propose(beside(data, n, 12 + n), 12 + n, 0).unit for n in range(4)]
    gaps = [np.abs(a - b).max() for i, a in enumerate(units) for b in units[:i]]
    assert min(gaps) > 1e-3


def test_in_a_large_finite_space_the_last_untried_one_is_found() -> None:
    axes = Axes((Axis(50), Axis(50), Axis(4, is_categorical=True)))
    points = axes.all_points()
    tried = set(keys(points)) - {keys(points[777:778])[0]}
    rng = np.random.default_rng(0)
    found = proposal._first_untried(axes, points[:5], tried, rng, "wanted")
    assert (found.unit == points[777]).all()


@pytest.mark.parametrize("n", [1, 2, 49, 50, 51, 100, 173])
def test_triangular_inverse(n: int) -> None:
    rng = np.random.default_rng(n)
    lower = np.tril(rng.random((n, n)) * 0.1) + np.eye(n)
    assert inverse(lower) @ lower == pytest.approx(np.eye(n), abs=1e-9)


def test_many_observations_cost_no_more_than_the_model_holds() -> None:
    data = data_on(PLANE, 2000)
    model = model_of(data)
    assert len(model.y) == DEFAULT.n_modelled
    assert model.warp.invert(model.y).min() == pytest.approx(data.values.min())


@pytest.mark.parametrize(
    ("index", "n_axes", "n_values", "n_out", "expected"),
    [
        (6, 4, 6, 0, True),
        (7, 4, 7, 0, False),  # it searches
        (7, 4, 6, 1, True),
        (60, 4, 60, 0, True),
        (62, 4, 61, 0, False),
        (62, 4, 61, 1, True),
        (63, 4, 61, 1, False),
        (108, 8, 104, 8, True),
        (109, 8, 105, 8, False),
        (45, 20, 38, 7, True),
        (46, 20, 39, 7, False),
        (6, 1, 6, 3, False),  # alone and together are the same
    ],
)
def test_when_parameters_count_on_their_own(
    index: int, n_axes: int, n_values: int, n_out: int, expected: bool
) -> None:
    assert DEFAULT.has_own_share(index, n_axes, n_values, n_out) is expected


@pytest.mark.parametrize("has_own_share", [True, False])
def test_the_model_has_the_share_that_it_is_asked_to_have(has_own_share: bool) -> None:
    model = model_of(data_on(MIXED, 15), has_own_share)
    assert (model.hyperparameters.own_share > 0) is has_own_share


@pytest.mark.parametrize(
    ("index", "n_pending", "n_unseen", "expected"),
    [(15, 0, 0, False), (16, 0, 0, True), (17, 2, 0, True), (17, 0, 2, True)],
)
def test_a_proposal_uses_the_share_when_it_is_due(
    index: int, n_pending: int, n_unseen: int, expected: bool
) -> None:
    data = beside(data_on(MIXED, 15, n_pending), n_unseen, index)
    surrogates = [
        propose(data, index, 0, tuning).surrogate
        for tuning in (DEFAULT, replace(DEFAULT, own_work=0))
    ]
    with_share, without = (one.hyperparameters.own_share for one in surrogates if one is not None)
    assert (with_share > without == 0) is expected


def test_values_near_the_largest_float_raise_no_warning() -> None:
    data = replace(data_on(PLANE, 12), values=np.tile([1e308, -1e308], 6))
    assert propose(data, 13, 0).forecast is not None
