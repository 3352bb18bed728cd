"""Base functions of the synthetic problems, all of (m, d) -> (m,); known by these names in the
literature, with their minimisers where those are not 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]


def branin(z: np.ndarray) -> np.ndarray:
    a, b = z[:, 0], z[:, 1]
    curve = b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6
    return curve**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10


_HARTMANN_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_HARTMANN3 = (
    np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
    1e-4
    * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]),
)
_HARTMANN6 = (
    np.array(
        [
            [10, 3, 17, 3.5, 1.7, 8],
            [0.05, 10, 17, 0.1, 8, 14],
            [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ]
    ),
    1e-4
    * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    ),
)
HARTMANN3_AT = (0.114614, 0.555649, 0.852547)
HARTMANN6_AT = (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573)


def hartmann(z: np.ndarray) -> np.ndarray:
    a, p = _HARTMANN3 if z.shape[1] == 3 else _HARTMANN6
    return -np.exp(-(a * (z[:, None] - p) ** 2).sum(axis=2)) @ _HARTMANN_ALPHA


def ackley(z: np.ndarray) -> np.ndarray:
    root = np.sqrt((z**2).mean(axis=1))
    return 20 - 20 * np.exp(-0.2 * root) + np.e - np.exp(np.cos(2 * np.pi * z).mean(axis=1))


def levy(z: np.ndarray) -> np.ndarray:
    w = 1 + (z - 1) / 4
    inner = (w[:, :-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:, :-1] + 1) ** 2)
    last = (w[:, -1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[:, -1]) ** 2)
    return np.sin(np.pi * w[:, 0]) ** 2 + inner.sum(axis=1) + last


def rosenbrock(z: np.ndarray) -> np.ndarray:
    return (100 * (z[:, 1:] - z[:, :-1] ** 2) ** 2 + (1 - z[:, :-1]) ** 2).sum(axis=1)


def styblinski_tang(z: np.ndarray) -> np.ndarray:
    return (z**4 - 16 * z**2 + 5 * z).sum(axis=1) / 2


def rastrigin(z: np.ndarray) -> np.ndarray:
    return (z**2 + 10 - 10 * np.cos(2 * np.pi * z)).sum(axis=1)


def griewank(z: np.ndarray) -> np.ndarray:
    waves = np.cos(z / np.sqrt(np.arange(1, z.shape[1] + 1))).prod(axis=1)
    return (z**2).sum(axis=1) / 4000 - waves + 1


def zakharov(z: np.ndarray) -> np.ndarray:
    weighted = (0.5 * np.arange(1, z.shape[1] + 1) * z).sum(axis=1)
    return (z**2).sum(axis=1) + weighted**2 + weighted**4


def dixon_price(z: np.ndarray) -> np.ndarray:
    i = np.arange(2, z.shape[1] + 1)
    return (z[:, 0] - 1) ** 2 + (i * (2 * z[:, 1:] ** 2 - z[:, :-1]) ** 2).sum(axis=1)


def ellipsoid(z: np.ndarray) -> np.ndarray:
    return (z**2) @ np.logspace(0, 3, z.shape[1])


def steps(z: np.ndarray) -> np.ndarray:
    return np.floor(np.abs(z) + 0.5).sum(axis=1) + 0.02 * np.abs(z).sum(axis=1)


def sharp_valley(z: np.ndarray) -> np.ndarray:
    return np.sqrt(np.abs(z[:, 0])) + np.abs(z[:, 1:]).sum(axis=1) ** 1.5


MICHALEWICZ5_AT = (2.202906, 1.570796, 1.284992, 1.923058, 1.720470)
TRID6_AT = (6, 10, 12, 12, 10, 6)
SHEKEL_AT = (4.000747, 4.000593, 3.999663, 3.999510)
_SHEKEL = np.array(
    [
        [4, 4, 4, 4],
        [1, 1, 1, 1],
        [8, 8, 8, 8],
        [6, 6, 6, 6],
        [3, 7, 3, 7],
        [2, 9, 2, 9],
        [5, 5, 3, 3],
        [8, 1, 8, 1],
        [6, 2, 6, 2],
        [7, 3.6, 7, 3.6],
    ]
)
_SHEKEL_WIDTHS = np.array([0.1, 0.2, 0.2, 0.4, 0.4, 0.6, 0.3, 0.7, 0.5, 0.5])


def shekel(z: np.ndarray) -> np.ndarray:
    return -(1 / (((z[:, None] - _SHEKEL) ** 2).sum(axis=2) + _SHEKEL_WIDTHS)).sum(axis=1)


def powell(z: np.ndarray) -> np.ndarray:
    a, b, c, d = (z[:, k::4] for k in range(4))
    terms = (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4
    return terms.sum(axis=1)


def michalewicz(z: np.ndarray) -> np.ndarray:
    i = np.arange(1, z.shape[1] + 1)
    return -(np.sin(z) * np.sin(i * z**2 / np.pi) ** 20).sum(axis=1)


def colville(z: np.ndarray) -> np.ndarray:
    a, b, c, d = z.T
    first = 100 * (a**2 - b) ** 2 + (a - 1) ** 2
    second = 90 * (c**2 - d) ** 2 + (c - 1) ** 2
    return first + second + 10.1 * ((b - 1) ** 2 + (d - 1) ** 2) + 19.8 * (b - 1) * (d - 1)


def trid(z: np.ndarray) -> np.ndarray:
    return ((z - 1) ** 2).sum(axis=1) - (z[:, 1:] * z[:, :-1]).sum(axis=1)


def camel(z: np.ndarray) -> np.ndarray:
    a, b = z.T
    return (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + 4 * (b**2 - 1) * b**2


def goldstein_price(z: np.ndarray) -> np.ndarray:
    a, b = z.T
    first = 19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2
    second = 18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2
    return (1 + (a + b + 1) ** 2 * first) * (30 + (2 * a - 3 * b) ** 2 * second)


def bukin(z: np.ndarray) -> np.ndarray:
    return 100 * np.sqrt(np.abs(z[:, 1] - 0.01 * z[:, 0] ** 2)) + 0.01 * np.abs(z[:, 0] + 10)


def plateaus(z: np.ndarray) -> np.ndarray:
    return np.floor(4 * np.log1p((z**2) @ np.logspace(0, 1, z.shape[1]))) / 4


def narrow_valley(z: np.ndarray) -> np.ndarray:
    along, across = z[:, 0] - z[:, 1], z[:, 0] + z[:, 1]
    return 10 * np.abs(across) + along**2 / 4 + (z[:, 2:] ** 2).sum(axis=1)


def lopsided(z: np.ndarray) -> np.ndarray:
    rise = np.where(z > 0, 10 * z, z**2)
    return rise.sum(axis=1) + rise.max(axis=1)


def peaks(d: int, n: int, seed: int) -> Function:
    """Gallagher-like: n Gaussian peaks of unequal heights and shapes; the highest at 0."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-0.9, 0.9, (n, d))
    centres[0] = 0.0
    heights = np.append(10.0, np.linspace(1.1, 9.1, n - 1))
    precision = 10.0 ** rng.uniform(0.5, 2.0, (n, d))
    precision[0] = 10.0 ** rng.uniform(0.8, 1.4, d)
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]

    def function(z: np.ndarray) -> np.ndarray:
        offset = (z[:, None] - centres) @ rotation
        return 10.0 - (heights * np.exp(-0.5 * (offset**2 * precision).sum(axis=2) / d)).max(axis=1)

    return function


def relevant(base: Function, n: int) -> Function:
    """``base`` of the first n axes; the others have hardly any effect."""

    def function(z: np.ndarray) -> np.ndarray:
        return base(z[:, :n]) + 1e-3 * (z[:, n:] ** 2).sum(axis=1)

    return function


def logged(base: Function) -> Function:
    """log(1 + ``base``): for bases from 0 to huge."""

    def function(z: np.ndarray) -> np.ndarray:
        return np.log1p(base(z))

    return function


def hartmann_and_category(z: np.ndarray) -> np.ndarray:
    return hartmann(z[:, :6]) + 0.5 * z[:, 6] ** 2


def two_funnels(z: np.ndarray) -> np.ndarray:
    """Lunacek's bi-Rastrigin, smallest at 2.5; the other funnel, at about -2.1, is wider."""
    d = z.shape[1]
    share = 1 - 1 / (2 * np.sqrt(d + 20) - 8.2)
    other = -np.sqrt((2.5**2 - 1) / share)
    right = ((z - 2.5) ** 2).sum(axis=1)
    wrong = d + share * ((z - other) ** 2).sum(axis=1)
    ripples = (1 - np.cos(2 * np.pi * (z - 2.5))).sum(axis=1)
    return np.minimum(right, wrong) + 3 * ripples


def different_powers(z: np.ndarray) -> np.ndarray:
    return np.sqrt((np.abs(z) ** np.linspace(1.0, 6.0, z.shape[1])).sum(axis=1))


def discus(z: np.ndarray) -> np.ndarray:
    return 1e3 * z[:, 0] ** 2 + (z[:, 1:] ** 2).sum(axis=1)


def hills(d: int, n: int, seed: int) -> Function:
    """A broad funnel to 0 with n Gaussian hills of different widths in it."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-1.2, 1.2, (n, d))
    widths = rng.uniform(0.08, 0.3, n)
    heights = rng.uniform(0.3, 1.0, n)

    def function(z: np.ndarray) -> np.ndarray:
        distance = ((z[:, None] - centres) ** 2).sum(axis=2)
        radius = (z**2).sum(axis=1)
        raised = np.exp(-distance / (2 * widths**2)) @ heights
        return 1 - np.exp(-radius) + raised * (1 - np.exp(-radius / 0.02))

    return function


def in_pairs(base: Function) -> Function:
    """Sum of ``base`` of every two axes."""

    def function(z: np.ndarray) -> np.ndarray:
        return sum((base(z[:, i : i + 2]) for i in range(0, z.shape[1], 2)), np.zeros(len(z)))

    return function
