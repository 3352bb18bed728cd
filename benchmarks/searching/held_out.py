"""The synthetic problems that nobody tuned on. Move them to ``problems.py`` once they are known."""

from __future__ import annotations

from searching.formulas import flags, scaling, spill, tiling, welded_beam
from searching.functions import (
    camel,
    different_powers,
    discus,
    hills,
    in_pairs,
    two_funnels,
)
from searching.landscapes import in_its_box
from searching.parameters import Real, categories, integers, logs, ordered, reals
from searching.problem import Problem, seen_through
from searching.random_fields import NETWORK_FIELD_AT, ROUGH_FIELD_AT, network_field, rough_field


def synthetic_problems() -> list[Problem]:
    whole = [integers(f"n{i}", 0, 40 - 4 * i) for i in range(7)]
    mixed = (
        categories("kind", "a", "b", "c", "d"),
        integers("layers", 1, 10),
        ordered("width", 32, 64, 128, 256, 512),
        Real("decay", 1e-6, 1e-1, is_log=True),
        *reals(2),
    )
    many = (
        *mixed,
        *logs(4),
        Real("dropout", 0.0, 0.5),
        integers("n", 1, 64),
        integers("m", 0, 15),
        ordered("batch", 8, 16, 32, 64, 128, 256),
        categories("on", False, True),
        categories("act", "relu", "gelu", "tanh"),
    )
    return [
        in_its_box("two_funnels4", two_funnels, [2.5] * 4, (-5.0, 5.0), [*logs(2), *reals(2)]),
        seen_through("hills2", hills(2, 14, 3), [0, 0], 2.4, [*reals(1), *logs(1)]),
        seen_through("integers_powers8", different_powers, [0] * 8, 4.0, [*whole, *reals(1)]),
        seen_through("discus6", discus, [0] * 6, 5.0, [*reals(4), *logs(2)], is_rotated=True),
        seen_through(
            "noisy_pairs16", in_pairs(camel), [0.089842, -0.712656] * 8, 4.0, many, noise=6.0
        ),
        in_its_box("rough3", rough_field(3, 0.6, 6), ROUGH_FIELD_AT, (0.0, 1.0), reals(3)),
        in_its_box("network6", network_field(6, 4.0, 2), NETWORK_FIELD_AT, (0.0, 1.0), mixed),
        spill("noisy_spill4", noise=0.1),
        welded_beam("beam4"),
        scaling("scaling6"),
        tiling("tiling9"),
        flags("flags13", noise=0.05),
    ]
