"""More base functions of the synthetic problems, mostly rugged; see ``functions.py``."""

from __future__ import annotations

import numpy as np

from searching.functions import Function

SCHWEFEL_AT = 420.968746
ALPINE_AT = 7.917052676319
TRAY_AT = 1.349406589695


def schwefel(z: np.ndarray) -> np.ndarray:
    return (418.982887272434 - z * np.sin(np.sqrt(np.abs(z)))).sum(axis=1)


def alpine_product(z: np.ndarray) -> np.ndarray:
    return -(np.sqrt(np.abs(z)) * np.sin(z)).prod(axis=1)


def alpine(z: np.ndarray) -> np.ndarray:
    return np.abs(z * np.sin(z) + 0.1 * z).sum(axis=1)


def salomon(z: np.ndarray) -> np.ndarray:
    radius = np.sqrt((z**2).sum(axis=1))
    return 1 - np.cos(2 * np.pi * radius) + 0.1 * radius


def schaffer(z: np.ndarray) -> np.ndarray:
    s = np.sqrt(z[:, :-1] ** 2 + z[:, 1:] ** 2)
    return (np.sqrt(s) * (1 + np.sin(50 * s**0.2) ** 2)).mean(axis=1) ** 2


def xin_she_yang(z: np.ndarray) -> np.ndarray:
    return np.abs(z).sum(axis=1) * np.exp(-np.sin(z**2).sum(axis=1))


def cross_in_tray(z: np.ndarray) -> np.ndarray:
    fall = np.exp(np.abs(100 - np.sqrt((z**2).sum(axis=1)) / np.pi))
    return -1e-4 * (np.abs(np.sin(z).prod(axis=1)) * fall + 1) ** 0.1


def perm(z: np.ndarray) -> np.ndarray:
    j = np.arange(1, z.shape[1] + 1)
    powers = j[:, None]
    return (((j**powers + 0.5) * ((z[:, None] / j) ** powers - 1)).sum(axis=2) ** 2).sum(axis=1)


def beale(z: np.ndarray) -> np.ndarray:
    a, b = z.T
    return (1.5 - a + a * b) ** 2 + (2.25 - a + a * b**2) ** 2 + (2.625 - a + a * b**3) ** 2


def nested(z: np.ndarray) -> np.ndarray:
    """An axis is felt as far as those before it are right: from 1 to 0 at 0."""
    total = np.zeros(len(z))
    for axis in z.T[::-1]:
        wrong = 1 - np.exp(-(axis**2) * (1.2 + np.cos(3 * axis)))
        total = wrong + 0.6 * (1 - wrong) * total
    return total


def kinks(d: int, n: int, seed: int) -> Function:
    """The highest of n hyperplanes through 0 whose slopes have the mean 0: nowhere below 0."""
    slopes = np.random.default_rng(seed).standard_normal((n, d))
    slopes -= slopes.mean(axis=0)

    def function(z: np.ndarray) -> np.ndarray:
        return (z @ slopes.T).max(axis=1)

    return function


def textured(base: Function, share: float) -> Function:
    """``base`` (never below 0) raised by up to ``share`` of it, erratically, as luck does."""

    def function(z: np.ndarray) -> np.ndarray:
        directions = 12.9898 + 65.2345 * np.arange(z.shape[1])
        luck = np.mod(np.sin(z @ directions) * 437.5853, 1.0)
        return base(z) * (1 + share * luck)

    return function
