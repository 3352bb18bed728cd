"""Problems given by a formula of the parameters' values: engineering, and what systems cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from searching.parameters import Parameter, Real, Steps, categories, integers, ordered
from searching.problem import Problem, rng_of

Formula = Callable[..., np.ndarray]


def of_values(
    name: str,
    formula: Formula,
    parameters: Sequence[Parameter],
    candidates: Sequence[np.ndarray],
    noise: float = 0.0,
) -> Problem:
    """``formula`` of one array per parameter; its smallest value is at one of ``candidates``."""

    def function(unit: np.ndarray) -> np.ndarray:
        columns = [_values(p, column) for p, column in zip(parameters, unit.T, strict=True)]
        return formula(*columns)

    return Problem(name, tuple(parameters), function, float(formula(*candidates).min()), noise)


def _values(parameter: Parameter, unit: np.ndarray) -> np.ndarray:
    return np.array([parameter.value_at(u) for u in unit])


def _every(parameters: Sequence[Parameter]) -> list[np.ndarray]:
    """Every choice of the finite ones among ``parameters``, one array each."""
    choices = [np.array(p.values) for p in parameters if isinstance(p, Steps)]
    return [grid.ravel() for grid in np.meshgrid(*choices, indexing="ij")]


def spill(name: str, noise: float) -> Problem:
    """Find a chemical spill from measured concentrations (Bliznyuk et al. 2008), logarithm of
    the squared misfit.
    """
    place, time = (g.ravel() for g in np.meshgrid([0.0, 1.0, 2.5], [15.0, 30.0, 45.0, 60.0]))
    truth = (8.6, 0.047, 2.1, 30.2)

    def concentration(
        mass: np.ndarray, rate: np.ndarray, second: np.ndarray, start: np.ndarray
    ) -> np.ndarray:
        mass, rate, second, start = (v[:, None] for v in (mass, rate, second, start))
        later = np.maximum(time - start, 1e-9)
        first = mass / np.sqrt(rate * time) * np.exp(-(place**2) / (4 * rate * time))
        again = mass / np.sqrt(rate * later) * np.exp(-((place - second) ** 2) / (4 * rate * later))
        return first + np.where(time > start, again, 0.0)

    measured = concentration(*(np.array([v]) for v in truth))

    def misfit(*settings: np.ndarray) -> np.ndarray:
        return np.log1p(((concentration(*settings) - measured) ** 2).sum(axis=1))

    parameters = (
        Real("mass", 7.0, 13.0),
        Real("rate", 0.02, 0.12, is_log=True),
        Real("second", 0.01, 3.0),
        Real("start", 30.01, 30.295),
    )
    return of_values(name, misfit, parameters, [np.array([v]) for v in truth], noise)


#: Where the welded beam costs least.
_BEAM_AT = (0.1875, 3.92768159, 9, 0.20740743)


def welded_beam(name: str) -> Problem:
    """Cost of a welded beam (Ragsdell and Phillips 1976) of stock sizes, with what it may not
    bear as a penalty; the optimum was found by searching densely for each pair of sizes.
    """
    parameters = (
        ordered("weld", 0.125, 0.1875, 0.25, 0.3125, 0.375, 0.5, 0.75, 1.0),
        Real("length", 0.1, 10.0, is_log=True),
        integers("height", 1, 10),
        Real("thickness", 0.125, 2.0, is_log=True),
    )
    return of_values(name, _beam_cost, parameters, [np.array([v]) for v in _BEAM_AT])


def _beam_cost(
    weld: np.ndarray, length: np.ndarray, height: np.ndarray, thickness: np.ndarray
) -> np.ndarray:
    load, reach, young, shear = 6000.0, 14.0, 30e6, 12e6
    radius = np.sqrt(length**2 / 4 + ((weld + height) / 2) ** 2)
    moment = 2 * np.sqrt(2) * weld * length * (length**2 / 12 + ((weld + height) / 2) ** 2)
    direct = load / (np.sqrt(2) * weld * length)
    bent = load * (reach + length / 2) * radius / moment
    stress = np.sqrt(direct**2 + direct * bent * length / radius + bent**2)
    buckling = 4.013 * young * height * thickness**3 / (6 * reach**2)
    buckling *= 1 - height / (2 * reach) * np.sqrt(young / (4 * shear))
    excess = (
        stress / 13_600 - 1,
        6 * load * reach / (thickness * height**2) / 30_000 - 1,
        weld / thickness - 1,
        4 * load * reach**3 / (young * height**3 * thickness) / 0.25 - 1,
        load / buckling - 1,
    )
    cost = 1.10471 * weld**2 * length + 0.04811 * height * thickness * (14 + length)
    return np.log(cost + 5 * sum(np.maximum(e, 0.0) for e in excess))


def scaling(name: str) -> Problem:
    """Loss of a language model of a fixed compute budget (Hoffmann et al. 2022): wider and deeper
    ones see fewer tokens, and repeat them where there are not enough.
    """
    parameters = (
        ordered("width", 128, 192, 256, 384, 512, 768, 1024, 1536),
        integers("depth", 2, 24),
        ordered("batch", 16, 32, 64, 128, 256, 512, 1024),
        categories("schedule", "constant", "linear", "cosine"),
        Real("lr", 1e-5, 1e-1, is_log=True),
        Real("dropout", 0.0, 0.5),
    )
    finite = _every(parameters)
    candidates = [*finite, _best_rate(*finite[:3]), _best_dropout(*finite[:2])]
    return of_values(name, _scaling_loss, parameters, candidates)


_COMPUTE = 3e17
_UNIQUE_TOKENS = 8e8


def _tokens(width: np.ndarray, depth: np.ndarray) -> np.ndarray:
    return _COMPUTE / (72 * depth * width.astype(float) ** 2)


def _best_rate(width: np.ndarray, depth: np.ndarray, batch: np.ndarray) -> np.ndarray:
    return 3e-3 * (width / 256) ** -0.8 * (depth / 8) ** -0.3 * np.sqrt(batch / (batch + 200))


def _best_dropout(width: np.ndarray, depth: np.ndarray) -> np.ndarray:
    return 0.4 * (1 - np.exp(-_tokens(width, depth) / _UNIQUE_TOKENS / 6))


def _scaling_loss(
    width: np.ndarray,
    depth: np.ndarray,
    batch: np.ndarray,
    schedule: np.ndarray,
    lr: np.ndarray,
    dropout: np.ndarray,
) -> np.ndarray:
    tokens = _tokens(width, depth)
    fresh = _UNIQUE_TOKENS * (1 - np.exp(-tokens / _UNIQUE_TOKENS / 2)) * 2
    n = 12 * depth * width.astype(float) ** 2
    loss = 1.69 + 406 / n**0.34 + 411 / (fresh / (1 + batch / 300)) ** 0.28
    off = np.log(lr / _best_rate(width, depth, batch))
    loss += 0.06 * off**2 + 0.03 * np.log(width / depth / 40) ** 2
    loss += 2 * (dropout - _best_dropout(width, depth)) ** 2
    loss += np.select([schedule == "constant", schedule == "linear"], [0.12, 0.02], 0.0)
    return np.where(off > 1.5, 9.0 + off, loss)


def tiling(name: str) -> Problem:
    """Time of a matrix product on a simulated accelerator as its tiles are chosen, logarithm."""
    blocks = (16, 32, 64, 128, 256)
    parameters = (
        ordered("block_m", *blocks),
        ordered("block_n", *blocks),
        ordered("block_k", 16, 32, 64),
        integers("stages", 1, 6),
        ordered("warps", 1, 2, 4, 8, 16),
        ordered("unroll", 1, 2, 4, 8),
        ordered("vector", 1, 2, 4),
        categories("swizzle", False, True),
        categories("layout", "rows", "columns"),
    )
    return of_values(name, _tile_time, parameters, _every(parameters))


_TIME_OF_FAILURE = 1e9


def _tile_time(
    m: np.ndarray,
    n: np.ndarray,
    k: np.ndarray,
    stages: np.ndarray,
    warps: np.ndarray,
    unroll: np.ndarray,
    vector: np.ndarray,
    swizzle: np.ndarray,
    layout: np.ndarray,
) -> np.ndarray:
    tiles = np.ceil(1920 / m) * np.ceil(1500 / n)
    steps = np.ceil(1000 / k)
    shared = 2 * stages * (m + n) * k
    registers = 24 + m * n / (32 * warps) + 6 * unroll * vector
    resident = np.minimum(200_000 // shared, 65_536 // (registers * warps * 32))
    resident = np.clip(np.minimum(resident, 48 // warps), 1, None)
    waves = np.ceil(tiles / (72 * resident))
    hidden = 1 - np.exp(-(resident * warps) * np.sqrt(stages) / 14)
    conflicts = 1 + np.where(swizzle, 0.05, 0.08 * vector * (k / 32))
    loads = (1 / vector + 0.4 * (vector > 2) * (layout == "columns")) * (m + n) * k * conflicts
    arithmetic = m * n * k / 24 * (1 + 0.25 / unroll) * (1 + (1000 % (k * unroll) > 0) * 0.05)
    spilled = np.maximum(registers / 255 - 1, 0)
    time = waves * resident * steps * (arithmetic + loads) / hidden * (1 + 2 * spilled)
    return np.log(np.where(shared > 100_000, _TIME_OF_FAILURE, time))


def flags(name: str, noise: float) -> Problem:
    """Time of a program as its compiler's flags are set: they help, hinder each other, and some
    pairs break it.
    """
    rng = rng_of(name)
    n = 11
    allocators = ("system", "arena", "pool", "slab")
    parameters = (
        *(categories(f"flag{i}", False, True) for i in range(n)),
        categories("allocator", *allocators),
        integers("level", 0, 3),
    )
    alone = rng.normal(-0.04, 0.12, n)
    together = np.triu(rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.35), 1) * 0.2
    with_allocator = rng.standard_normal((4, n)) * 0.1
    with_level = rng.standard_normal((4, n)) * 0.08
    broken = [tuple(rng.choice(n, 2, replace=False)) for _ in range(3)]
    names = np.array(allocators)

    def time(*settings: np.ndarray) -> np.ndarray:
        on = np.stack(settings[:n], axis=1).astype(float)
        kind = (settings[n][:, None] == names).argmax(axis=1)
        effect = alone + on @ together + with_allocator[kind] + with_level[settings[n + 1]]
        total = (on * effect).sum(axis=1) - 0.1 * np.sqrt(settings[n + 1])
        is_broken = np.any([on[:, i] * on[:, j] > 0 for i, j in broken], axis=0)
        return np.where(is_broken, 3.0, total)

    return of_values(name, time, parameters, _every(parameters), noise)
