"""The synthetic problems that nobody tuned on. Move them to ``problems.py`` once they are known."""

from __future__ import annotations

from searching.functions import logged, relevant
from searching.landscapes import epistasis, in_its_box, schedule
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


def synthetic_problems() -> list[Problem]:
    mixed = (
        Real("decay", 1e-6, 1e-1, is_log=True),
        Real("dropout", 0.0, 0.7),
        ordered("width", 8, 16, 32, 64, 128, 256),
        integers("layers", 1, 6),
        categories("norm", "none", "batch", "layer"),
    )
    many = (
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
        seen_through("nested18", relevant(nested, 5), [0] * 18, 3.0, many),
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
