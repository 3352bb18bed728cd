"""The synthetic problems: what the search was built on, and what nobody tuned on."""

from __future__ import annotations

import numpy as np

from searching import held_out
from searching.functions import (
    HARTMANN3_AT,
    HARTMANN6_AT,
    MICHALEWICZ5_AT,
    SHEKEL_AT,
    TRID6_AT,
    ackley,
    branin,
    bukin,
    camel,
    colville,
    dixon_price,
    ellipsoid,
    goldstein_price,
    griewank,
    hartmann,
    hartmann_and_category,
    levy,
    logged,
    lopsided,
    michalewicz,
    narrow_valley,
    peaks,
    plateaus,
    powell,
    rastrigin,
    relevant,
    rosenbrock,
    sharp_valley,
    shekel,
    steps,
    styblinski_tang,
    trid,
    zakharov,
)
from searching.landscapes import (
    branches,
    categorical_effects,
    epistasis,
    in_its_box,
    schedule,
    training,
)
from searching.parameters import Real, categories, integers, logs, ordered, reals
from searching.problem import Problem, seen_through
from searching.rugged_functions import (
    ALPINE_AT,
    SCHWEFEL_AT,
    TRAY_AT,
    alpine,
    alpine_product,
    beale,
    cross_in_tray,
    kinks,
    nested,
    perm,
    salomon,
    schaffer,
    schwefel,
    textured,
    xin_she_yang,
)


def development_problems() -> list[Problem]:
    return [*_first_problems(), *_second_problems(), *_third_problems(), *_fourth_problems()]


def held_out_problems() -> list[Problem]:
    return held_out.synthetic_problems()


def _first_problems() -> list[Problem]:
    mixed = (
        *reals(2),
        *logs(1),
        integers("n", 1, 12),
        categories("kind", "a", "b", "c", "d"),
        ordered("width", 16, 32, 64, 128, 256),
    )
    return [
        seen_through("branin", branin, (np.pi, 2.275), 15.0, reals(2)),
        seen_through("hartmann3", hartmann, HARTMANN3_AT, 1.0, reals(3)),
        seen_through("hartmann6", hartmann, HARTMANN6_AT, 1.0, reals(6)),
        seen_through("ackley5", ackley, [0] * 5, 30.0, reals(5), is_rotated=True),
        seen_through("levy4", levy, [1] * 4, 16.0, reals(4)),
        seen_through("rosenbrock4", rosenbrock, [1] * 4, 4.0, reals(4)),
        seen_through("styblinski5", styblinski_tang, [-2.903534] * 5, 8.0, reals(5)),
        seen_through("gallagher4", peaks(4, 21, 1), [0] * 4, 1.6, reals(4)),
        seen_through("rastrigin3", rastrigin, [0] * 3, 4.0, reals(3), is_rotated=True),
        seen_through("ellipsoid8", ellipsoid, [0] * 8, 4.0, logs(8), is_rotated=True),
        seen_through("steps6", steps, [0] * 6, 12.0, reals(6)),
        seen_through(
            "relevant20", relevant(hartmann, 6), [*HARTMANN6_AT, *[0] * 14], 1.0, reals(20)
        ),
        seen_through("mixed_hartmann6", hartmann, HARTMANN6_AT, 1.0, mixed),
        seen_through("mixed_ackley6", ackley, [0] * 6, 12.0, mixed),
        seen_through(
            "integers5", rosenbrock, [1] * 5, 3.0, [integers(f"n{i}", 0, 20) for i in range(5)]
        ),
        seen_through("noisy_hartmann3", hartmann, HARTMANN3_AT, 1.0, reals(3), noise=0.1),
        seen_through("noisy_levy4", levy, [1] * 4, 16.0, reals(4), noise=2.0),
        categorical_effects("categories6", (4, 3, 5, 4, 2, 6)),
        training("training", is_cliff=False),
        training("training_cliff", is_cliff=True),
    ]


def _second_problems() -> list[Problem]:
    """Held out until their figures had been looked at."""
    mixed = (
        *logs(2),
        *reals(1),
        integers("n", 1, 30),
        integers("m", 0, 7),
        categories("on", False, True),
        categories("kind", "a", "b", "c", "d", "e"),
    )
    return [
        seen_through("griewank3", griewank, [0] * 3, 20.0, reals(3), is_rotated=True),
        seen_through("zakharov5", zakharov, [0] * 5, 6.0, reals(5), is_rotated=True),
        seen_through("dixon_price3", dixon_price, (1, 2**-0.5, 2**-0.75), 6.0, reals(3)),
        seen_through("gallagher5", peaks(5, 101, 7), [0] * 5, 1.6, reals(5), is_rotated=True),
        seen_through("gallagher3", peaks(3, 21, 8), [0] * 3, 1.8, logs(3)),
        seen_through("hartmann6_turned", hartmann, HARTMANN6_AT, 0.8, reals(6), is_rotated=True),
        seen_through("sharp_valley4", sharp_valley, [0] * 4, 2.0, reals(4), is_rotated=True),
        seen_through("rosenbrock7", rosenbrock, [1] * 7, 3.0, reals(7)),
        seen_through("levy12", relevant(levy, 5), [*[1] * 5, *[0] * 7], 14.0, reals(12)),
        seen_through("mixed_levy7", levy, [1] * 7, 12.0, mixed),
        seen_through("mixed_styblinski7", styblinski_tang, [-2.903534] * 7, 7.0, mixed),
        seen_through(
            "integers7", ellipsoid, [0] * 7, 3.0, [integers(f"n{i}", 1, 40) for i in range(7)]
        ),
        seen_through("noisy_branin", branin, (np.pi, 2.275), 15.0, reals(2), noise=1.0),
        seen_through(
            "noisy_mixed7", hartmann_and_category, [*HARTMANN6_AT, 0], 1.0, mixed, noise=0.05
        ),
        categorical_effects("categories5", (6, 6, 3, 8, 4)),
        training("training_b", is_cliff=True),
    ]


def _third_problems() -> list[Problem]:
    """Held out until the search was called done for the first time."""
    some_of_each = (
        *logs(2),
        integers("n", 1, 32),
        *reals(8),
        integers("m", 0, 9),
        integers("k", 1, 5),
        ordered("width", 32, 64, 128, 256),
        Real("decay", 1e-7, 1e-1, is_log=True),
        Real("dropout", 0.0, 0.6),
        categories("on", False, True),
        categories("flag", False, True),
        categories("kind", "a", "b", "c"),
        categories("shape", "p", "q", "r", "s", "t"),
    )
    at_edges = (*logs(2), integers("n", 1, 12), *reals(2), ordered("batch", 8, 16, 32, 64, 128))
    return [
        seen_through("shekel4", shekel, SHEKEL_AT, 10.0, reals(4)),
        seen_through("powell8", powell, [0] * 8, 9.0, reals(8)),
        seen_through("michalewicz5", michalewicz, MICHALEWICZ5_AT, np.pi, reals(5)),
        seen_through(
            "mixed_colville4", colville, [1] * 4, 8.0, (*reals(2), *logs(1), integers("n", 1, 40))
        ),
        seen_through(
            "integers_trid6", trid, TRID6_AT, 72.0, [integers(f"n{i}", 0, 24) for i in range(6)]
        ),
        seen_through("goldstein_price2", goldstein_price, (0, -1), 4.0, reals(2)),
        seen_through("bukin2", bukin, (-10, 1), 8.0, reals(2)),
        seen_through("ackley10", relevant(ackley, 3), [0] * 10, 30.0, reals(10)),
        seen_through("mixed_powell20", relevant(logged(powell), 4), [0] * 20, 6.0, some_of_each),
        seen_through("plateaus5", plateaus, [0] * 5, 5.0, reals(5), is_rotated=True),
        seen_through("log_valley5", narrow_valley, [0] * 5, 6.0, (*logs(3), *reals(2))),
        seen_through("edges6", lopsided, [0] * 6, 3.0, at_edges, n_at_edge=4),
        branches("branches7"),
        branches("noisy_branches7", noise=0.05),
        seen_through("noisy_camel2", camel, (0.089842, -0.712656), 4.0, reals(2), noise=0.2),
    ]


def _fourth_problems() -> list[Problem]:
    """Held out until the search had been looked at on them."""
    mixed = (
        Real("decay", 1e-6, 1e-1, is_log=True),
        Real("dropout", 0.0, 0.7),
        ordered("width", 8, 16, 32, 64, 128, 256),
        integers("layers", 1, 6),
        categories("norm", "none", "batch", "layer"),
    )
    some_of_each = (
        *mixed,
        *logs(3),
        *reals(4),
        integers("n", 1, 50),
        integers("m", 0, 7),
        ordered("batch", 32, 64, 128, 256),
        categories("on", False, True),
        categories("flag", True, False),
        categories("kind", "a", "b", "c", "d", "e"),
    )
    whole = [integers(f"n{i}", -30, 30) for i in range(3)]
    return [
        in_its_box("schwefel3", schwefel, [SCHWEFEL_AT] * 3, (-500.0, 500.0), reals(3)),
        in_its_box(
            "alpine_product4",
            alpine_product,
            [ALPINE_AT] * 4,
            (0.0, 10.0),
            [*logs(2), *reals(2)],
        ),
        seen_through("salomon4", salomon, [0] * 4, 5.0, [*logs(1), *reals(3)]),
        seen_through("integers_schaffer4", schaffer, [0] * 4, 60.0, [*whole, *reals(1)]),
        seen_through("yang6", xin_she_yang, [0] * 6, 4.0, reals(6), is_rotated=True),
        seen_through("tray2", cross_in_tray, [TRAY_AT] * 2, 12.0, reals(2)),
        seen_through("perm4", logged(perm), [1, 2, 3, 4], 6.0, [*reals(3), integers("n", 1, 40)]),
        seen_through("textured_alpine5", textured(alpine, 0.5), [0] * 5, 9.0, mixed),
        seen_through("noisy_beale2", logged(beale), [3, 0.5], 6.0, reals(2), noise=0.2),
        seen_through("nested18", relevant(nested, 5), [0] * 18, 3.0, some_of_each),
        seen_through(
            "noisy_kinks7",
            kinks(7, 28, 1),
            [0] * 7,
            2.0,
            [*logs(2), *mixed],
            noise=0.2,
            n_at_edge=2,
        ),
        epistasis("epistasis9", (3, 4, 2, 5, 3, 4, 2), 2, 2),
        schedule("schedule7"),
    ]
