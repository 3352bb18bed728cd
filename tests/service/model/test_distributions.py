"""Distributions: analytic CDF, round trips through the unit cube, and edge cases."""

import math
from decimal import Decimal
from random import Random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.model.language.distribution_specs import DISTRIBUTIONS
from sweep_service.model.space.distributions import Finite, identity
from sweep_service.model.space.distributions.base import bin_of, is_number
from sweep_service.model.space.distributions.beta_function import beta_cdf, beta_ppf

N_DRAWS = 4000
NUMERIC = ("number", "integer")
#: Critical value of the Kolmogorov-Smirnov statistic at the 1% level, times sqrt(n).
CRITICAL = 1.63


def distribution_of(name, **fields):
    spec = DISTRIBUTIONS[name]
    defaults = {field.name: field.default for field in spec.fields if not field.is_required}
    return spec.build({**defaults, **fields})


def draws(distribution, seed=5):
    random = Random(seed)
    return [distribution.sample(random.random()) for _ in range(N_DRAWS)]


def distance(values, cdf):
    """The Kolmogorov-Smirnov statistic of continuous values."""
    ordered = sorted(values)
    n = len(ordered)
    return max(max((i + 1) / n - cdf(value), cdf(value) - i / n) for i, value in enumerate(ordered))


def phi(x, mu=0.0, sigma=1.0):
    return 0.5 * math.erfc((mu - x) / (sigma * math.sqrt(2)))


CONTINUOUS = [
    (distribution_of("uniform", min=-2, max=6), lambda x: (x + 2) / 8),
    (distribution_of("log_uniform_values", min=1e-5, max=1e-1), lambda x: math.log10(x / 1e-5) / 4),
    (
        distribution_of("inv_log_uniform_values", min=1e-5, max=1e-1),
        lambda x: math.log10(x / 1e-5) / 4,
    ),
    (distribution_of("log_uniform", min=-3, max=2), lambda x: (math.log(x) + 3) / 5),
    (distribution_of("inv_log_uniform", min=-3, max=2), lambda x: (math.log(x) + 2) / 5),
    (distribution_of("normal", mu=3, sigma=2), lambda x: phi(x, 3, 2)),
    (distribution_of("normal"), phi),
    (distribution_of("log_normal", mu=-1, sigma=0.5), lambda x: phi(math.log(x), -1, 0.5)),
    (distribution_of("beta"), lambda x: x),
    (distribution_of("beta", a=2, b=2), lambda x: 3 * x**2 - 2 * x**3),
    (distribution_of("beta", a=1, b=5), lambda x: 1 - (1 - x) ** 5),
    (distribution_of("beta", a=0.5, b=0.5), lambda x: 2 / math.pi * math.asin(math.sqrt(x))),
]


@pytest.mark.parametrize(("distribution", "cdf"), CONTINUOUS)
def test_continuous_distribution_follows_its_cdf(distribution, cdf):
    assert distance(draws(distribution), cdf) < CRITICAL / math.sqrt(N_DRAWS)


@pytest.mark.parametrize(("distribution", "cdf"), CONTINUOUS)
def test_coordinate_of_a_continuous_distribution_is_its_cdf(distribution, cdf):
    for u in (0.01, 0.3, 0.5, 0.77, 0.99):
        value = distribution.from_unit(u)
        assert distribution.to_unit(value) == pytest.approx(u, abs=1e-12)
        assert cdf(value) == pytest.approx(u, abs=1e-9)


def rounded_masses(cdf, multiples):
    """Probability of each multiple of 1: its cell, the ends collecting what is outside."""
    inner = [cdf(k + 0.5) for k in multiples[:-1]]
    return [b - a for a, b in zip([0.0, *inner], [*inner, 1.0], strict=True)]


DISCRETE = [
    (distribution_of("int_uniform", min=-2, max=2), [-2, -1, 0, 1, 2], [0.2] * 5),
    (
        distribution_of("categorical", values=["a", "b", "a", None]),
        ["a", "b", None],
        [0.5, 0.25, 0.25],
    ),
    (
        distribution_of(
            "categorical_w_probabilities", values=[1, 2, 3], probabilities=[0.7, 0.0, 0.3]
        ),
        [1, 3],
        [0.7, 0.3],
    ),
    (
        distribution_of("q_uniform", min=1, max=5, q=1),
        [1, 2, 3, 4, 5],
        [0.125, 0.25, 0.25, 0.25, 0.125],
    ),
    (distribution_of("q_uniform", min=1, max=10, q=3), [3, 6, 9], [3.5 / 9, 3 / 9, 2.5 / 9]),
    (
        distribution_of("q_log_uniform_values", min=1, max=4, q=1),
        [1, 2, 3, 4],
        rounded_masses(lambda x: math.log(x) / math.log(4), [1, 2, 3, 4]),
    ),
    (
        distribution_of("q_log_uniform", min=0, max=math.log(4), q=1),
        [1, 2, 3, 4],
        rounded_masses(lambda x: math.log(x) / math.log(4), [1, 2, 3, 4]),
    ),
    (
        distribution_of("q_beta", a=2, b=2, q=0.5),
        [0.0, 0.5, 1.0],
        [0.15625, 0.6875, 0.15625],
    ),
]


@pytest.mark.parametrize(("distribution", "values", "masses"), DISCRETE)
def test_discrete_distribution_has_its_masses(distribution, values, masses):
    assert [distribution.value_at(i) for i in range(distribution.n_values)] == values
    assert distribution.probabilities() == pytest.approx(masses)
    found = draws(distribution)
    for value, mass in zip(values, masses, strict=True):
        share = sum(identity(x) == identity(value) for x in found) / N_DRAWS
        assert abs(share - mass) < 4 * math.sqrt(mass * (1 - mass) / N_DRAWS)


@pytest.mark.parametrize(
    ("distribution", "mass_of_zero"),
    [
        (distribution_of("q_normal", q=1), phi(0.5) - phi(-0.5)),
        (distribution_of("q_normal", mu=0.2, sigma=3, q=2), phi(1, 0.2, 3) - phi(-1, 0.2, 3)),
        (distribution_of("q_log_normal", q=1), phi(math.log(0.5))),
    ],
)
def test_endless_quantized_distribution_has_its_masses(distribution, mass_of_zero):
    share = sum(x == 0 for x in draws(distribution)) / N_DRAWS
    assert distribution.n_values is None
    assert abs(share - mass_of_zero) < 4 * math.sqrt(mass_of_zero / N_DRAWS)
    with pytest.raises(TypeError, match="infinitely many values"):
        distribution.value_at(0)


finite_floats = st.floats(-1e6, 1e6)
steps = st.sampled_from([1, 2, 3, 0.1, 0.25, 0.5, 1.0, 7.5])


@st.composite
def bounds(draw, low=-1e6, high=1e6):
    a = draw(st.floats(low, high))
    b = draw(st.floats(low, high))
    return {"min": min(a, b), "max": max(a, b) + 1e-3 * (1 + abs(a))}


@st.composite
def distributions(draw):
    """Any distribution of the language."""
    name = draw(st.sampled_from(sorted(DISTRIBUTIONS)))
    keys = DISTRIBUTIONS[name].keys
    fields = {}
    if "value" in keys:
        fields["value"] = draw(st.one_of(st.integers(), st.text(), st.none(), st.booleans()))
    if "values" in keys:
        values = st.one_of(st.integers(-3, 3), st.text(max_size=2), st.booleans(), st.none())
        fields["values"] = draw(st.lists(values, min_size=1, max_size=6))
    if "probabilities" in keys:
        weights = [draw(st.integers(1, 9)) for _ in fields["values"]]
        fields["probabilities"] = [weight / sum(weights) for weight in weights]
    if "min" in keys:
        is_log = name.endswith("log_uniform")
        is_positive = name.endswith("_values")
        low, high = (-20, 20) if is_log else (1e-6, 1e6) if is_positive else (-1e6, 1e6)
        fields |= draw(bounds(low, high))
        if name == "int_uniform":
            fields = {"min": math.floor(fields["min"]), "max": math.ceil(fields["max"])}
    if "mu" in keys:
        fields |= {"mu": draw(st.floats(-5, 5)), "sigma": draw(st.floats(0.01, 5))}
    if "a" in keys:
        fields |= {"a": draw(st.floats(0.1, 50)), "b": draw(st.floats(0.1, 50))}
    if "q" in keys:
        fields["q"] = draw(steps)
    return distribution_of(name, **fields)


# next to 1 floats are too coarse to resolve the upper tail of a normal, and next to 0 a CDF
# underflows
@given(distributions(), st.just(0.0) | st.floats(1e-300, 1 - 1e-9))
def test_coordinates_lead_there_and_back(distribution, unit):
    value = distribution.from_unit(unit)
    assert distribution.contains(value)
    again = distribution.from_unit(distribution.to_unit(value))
    if isinstance(distribution, Finite):
        assert identity(again) == identity(value)
    else:
        # the inverse of a beta CDF is found by search and is less exact far out in its tails
        assert again == pytest.approx(value, rel=1e-5, abs=1e-9)


@given(distributions(), st.floats(0, 1, exclude_max=True))
def test_samples_are_contained_and_of_one_type(distribution, u):
    value = distribution.sample(u)
    assert distribution.contains(value)
    assert 0 <= distribution.to_unit(value) <= 1
    if distribution.kind == "continuous":
        assert isinstance(value, (int, float))
        assert math.isfinite(value)


@given(distributions(), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_grow(distribution, u, v):
    if distribution.kind != "categorical" and not hasattr(distribution, "values"):
        assert distribution.sample(min(u, v)) <= distribution.sample(max(u, v))


@given(distributions())
def test_finite_distributions_number_their_values(distribution):
    if not isinstance(distribution, Finite) or distribution.n_values > 500:
        return
    values = [distribution.value_at(i) for i in range(distribution.n_values)]
    assert [distribution.index_of(value) for value in values] == list(range(len(values)))
    assert sum(distribution.probabilities()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("distribution", "u", "value"),
    [
        (distribution_of("int_uniform", min=1, max=3), 0.5, 2),
        (distribution_of("uniform", min=1, max=3), 0.5, 2.0),
        (distribution_of("q_uniform", min=0, max=10, q=2), 0.5, 4),  # 5 / 2 rounds half to even
        (distribution_of("q_uniform", min=0, max=10), 0.35, 4.0),  # the default step is 1.0
        (distribution_of("q_uniform", min=0, max=10, q=1), 0.35, 4),
        (distribution_of("q_normal", q=2), 0.5, 0),
        (
            distribution_of("q_uniform", min=0.1, max=0.3, q=0.1),
            0.999,
            0.3,
        ),  # not 0.30000000000000004
        (distribution_of("categorical", values=[True, 1]), 0.1, True),
    ],
)
def test_types_and_rounding(distribution, u, value):
    found = distribution.sample(u)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("distribution", "outside"),
    [
        (
            distribution_of("uniform", min=0, max=1),
            [1.5, -1, "0.5", True, None, math.nan, math.inf, 10**400],
        ),
        (distribution_of("int_uniform", min=0, max=3), [4, -1, 1.5, "1", True, [1], 10**400]),
        (distribution_of("q_uniform", min=0, max=9, q=3), [1, 12, -3, 2.9, "3", False]),
        (distribution_of("q_normal", q=0.5), [0.25, math.nan, "1", 10**400]),
        (distribution_of("q_log_normal", q=1), [-1]),
        (distribution_of("log_normal"), [-0.5]),
        (distribution_of("categorical", values=[1, "a", [1]]), [True, "1", [1.0], [1, 2], {}]),
        (distribution_of("constant", value={"a": 1}), [{"a": 2}, {}, None]),
    ],
)
def test_what_is_outside_is_refused(distribution, outside):
    for value in outside:
        assert not distribution.contains(value)
        with pytest.raises(ValueError, match=r".+"):
            distribution.to_unit(value)


@given(
    q=st.builds("{}e{}".format, st.integers(1, 999), st.integers(-9, 0)).map(float),
    first=st.integers(-50, 50),
    n_steps=st.integers(1, 60),
    name=st.sampled_from(["q_uniform", "q_normal", "grid"]),
    unit=st.floats(0, 1),
)
def test_quantised_values_are_the_floats_that_people_write(q, first, n_steps, name, unit):
    decimal = Decimal(repr(q))
    low, high = float(first * decimal), float((first + n_steps) * decimal)
    if name == "q_normal":
        found = distribution_of("q_normal", mu=low, sigma=high - low, q=q)
        value = found.from_unit(unit)
    else:
        found = distribution_of("q_uniform", min=low, max=high, q=q)
        found = found.grid if name == "grid" else found
        value = found.from_unit(unit)
        assert found.value_at(0) == low
    assert value == float(round(Decimal(repr(value)) / decimal) * decimal)
    assert found.from_unit(found.to_unit(value)) == value


def test_identity_follows_the_reference_engine():
    same = [(1, 1.0), (0, -0.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (10**20, 1e20)]
    different = [(1, True), (0, False), ("1", 1), ([1], [1.0]), (None, "null"), ([], {})]
    assert all(identity(a) == identity(b) for a, b in same)
    assert all(identity(a) != identity(b) for a, b in different)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 5], "ordered"),
        ([0.1, 0.01, 0.001], "ordered"),
        ([1, 3, 2], "categorical"),
        ([False, True], "categorical"),
        (["a", "b"], "categorical"),
        ([1, 2, None], "categorical"),
        ([1.0, 10.0, math.inf], "ordered"),
        ([math.inf, 1, -math.inf], "ordered"),
        ([1, math.inf, 2], "categorical"),
        ([1, 2, math.nan], "categorical"),
    ],
)
def test_kind_of_listed_values(values, kind):
    assert distribution_of("categorical", values=values).kind == kind


def test_kinds_of_other_laws():
    assert distribution_of("int_uniform", min=0, max=3).kind == "ordered"
    assert distribution_of("q_log_uniform_values", min=1, max=30).kind == "ordered"
    assert distribution_of("q_normal").kind == "continuous"
    assert distribution_of("constant", value=1).kind == "categorical"


def test_weighted_coordinates_give_every_category_the_same_width():
    weighted = distribution_of(
        "categorical_w_probabilities", values=["a", "b"], probabilities=[0.9, 0.1]
    )
    assert [weighted.from_unit(u) for u in (0.1, 0.6)] == ["a", "b"]
    assert [weighted.sample(u) for u in (0.6, 0.95)] == ["a", "b"]
    assert weighted.to_unit("b") == 0.75


def test_log_coordinates_keep_their_scale():
    quantized = distribution_of("q_log_uniform_values", min=1, max=1000, q=1)
    assert quantized.to_unit(32) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    "distribution",
    [distribution_of("normal"), distribution_of("log_normal", sigma=300), distribution_of("beta")],
)
def test_the_ends_of_the_unit_interval_are_finite(distribution):
    for unit in (0.0, 1.0, math.nextafter(1, 0), 5e-324):
        assert math.isfinite(distribution.from_unit(unit))


def test_no_multiple_within_the_bounds_gives_the_nearest():
    assert distribution_of("q_uniform", min=1, max=2, q=5).sample(0.7) == 0


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("uniform", {"min": -1.5e308, "max": 1.5e308}, "beyond the range"),
        ("uniform", {"min": 2**53, "max": 2**53 + 1}, "same number"),
        ("log_uniform_values", {"min": 1e6, "max": math.nextafter(1e6, 2e6)}, "same number"),
        ("log_uniform", {"min": 0, "max": 800}, "exponents"),
        ("q_uniform", {"min": 0, "max": 1e300, "q": 1e-300}, "too small"),
    ],
)
def test_distributions_that_floats_cannot_hold(name, fields, message):
    with pytest.raises(ValueError, match=message):
        distribution_of(name, **fields)


@given(st.integers(1, 10**30), st.data())
def test_bins_are_exact_for_any_number(n_bins, data):
    steps = data.draw(st.integers(0, 2**53 - 1))
    assert bin_of(steps / 2**53, n_bins) == steps * n_bins // 2**53
    assert bin_of(1.0, n_bins) == n_bins - 1


def test_wide_integers_are_reached_at_both_ends():
    wide = distribution_of("int_uniform", min=-(2**63), max=2**63 - 1)
    assert wide.sample(0.0) == -(2**63)
    assert wide.from_unit(1.0) == 2**63 - 1


# Values of scipy.stats.beta.cdf 1.17
@pytest.mark.parametrize(
    ("x", "a", "b", "probability"),
    [
        (0.5, 2.5, 2.5, 0.5),
        (0.1, 0.5, 3, 0.5545844446520297),
        (0.9, 30, 4, 0.5769436641256929),
        (1e-6, 0.1, 0.1, 0.12741225313416496),
    ],
)
def test_beta_cdf(x, a, b, probability):
    assert beta_cdf(x, a, b) == pytest.approx(probability, rel=1e-10)


def neighbours(x, n=8):
    """The n-th floats below and above x, within [0, 1]."""
    below = above = x
    for _ in range(n):
        below, above = math.nextafter(below, 0), math.nextafter(above, 1)
    return below, above


@given(st.floats(0.05, 1000), st.floats(0.05, 1000), st.floats(0.001, 0.999))
def test_beta_quantiles_invert_the_cdf(a, b, u):
    below, above = neighbours(beta_ppf(u, a, b))
    assert beta_cdf(below, a, b) - 1e-9 <= u <= beta_cdf(above, a, b) + 1e-9


def test_large_shape_parameters_approach_a_normal():
    a = b = 1e6
    sigma = math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
    normal = NormalDist(0.5, sigma)
    assert distribution_of("beta", a=a, b=b).sample(0.9) == pytest.approx(
        normal.inv_cdf(0.9), abs=sigma / 100
    )


def test_values_are_fresh_each_time():
    listed = distribution_of("categorical", values=[{"a": [1]}])
    listed.value_at(0)["a"].append(2)
    assert listed.value_at(0) == {"a": [1]}
    constant = distribution_of("constant", value=[1])
    constant.value_at(0).append(2)
    assert constant.value_at(0) == [1]
    with pytest.raises(IndexError):
        constant.value_at(1)


EXTREMES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**308), 10**308),
    st.integers(-100, 100),
    st.floats(-1e-300, 1e-300),
)


def _extreme(field):
    """Any number that the sweep language accepts for a field."""
    numbers = EXTREMES.map(int) if field.kind == "integer" else EXTREMES
    if field.above is not None:
        numbers = numbers.map(abs).filter(lambda number: number > field.above)
    if field.at_least is not None:
        numbers = numbers.map(lambda number: max(number, field.at_least))
    if field.at_most is not None:
        numbers = numbers.map(lambda number: min(number, field.at_most))
    return numbers


@pytest.mark.parametrize(
    "spec",
    [spec for spec in DISTRIBUTIONS.values() if all(f.kind in NUMERIC for f in spec.fields)],
    ids=lambda spec: spec.name,
)
@given(data=st.data())
def test_whatever_is_accepted_can_be_drawn_and_read_back(spec, data):
    """With numbers at the ends of the floats: it is refused at once, or works for ever."""
    found = {field.name: data.draw(_extreme(field), field.name) for field in spec.fields}
    if "min" in found:
        found["min"], found["max"] = sorted((found["min"], found["max"]))
    try:
        distribution = spec.build(found)
    except ValueError:
        return
    for unit in (0.0, 2.0**-54, 0.3, 0.5, 0.999, 1 - 2.0**-53):
        for value in (distribution.sample(unit), distribution.from_unit(unit)):
            assert is_number(value)
            assert distribution.contains(value)
            assert 0 <= distribution.to_unit(value) <= 1
    if distribution.grid is not None:
        last = distribution.grid.value_at(max(0, distribution.grid.n_values - 1))
        assert is_number(last)
