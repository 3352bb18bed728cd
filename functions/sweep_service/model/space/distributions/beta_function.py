"""The regularised incomplete beta function and its inverse, with the standard library alone.

References:
    Press et al. (2007), Numerical Recipes, 3rd ed., 6.4 (continued fraction 6.4.5).
    DLMF 8.17.22, https://dlmf.nist.gov/8.17.
"""

from __future__ import annotations

import math

_TINY = 1e-300
_PRECISION = 1e-15
_N_NEWTON_STEPS = 20
_N_STEPS = 200


def beta_cdf(x: float, a: float, b: float) -> float:
    """I_x(a, b), the probability that a Beta(a, b) variable is at most ``x``, 0 <= x <= 1."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = _front(x, a, b)
    if x < (a + 1.0) / (a + b + 2.0):
        return min(front * _continued_fraction(x, a, b) / a, 1.0)
    return max(1.0 - front * _continued_fraction(1.0 - x, b, a) / b, 0.0)


def beta_ppf(u: float, a: float, b: float) -> float:
    """The x in [0, 1] with I_x(a, b) = u.

    Solved in the half that holds the solution, mirrored if need be: I_x(a, b) and
    1 - I_{1-x}(b, a) are the same, and floats are finest next to 0.
    """
    if u <= 0.0 or u >= 1.0:
        return 0.0 if u <= 0.0 else 1.0
    if beta_cdf(0.5, a, b) < u:
        return 1.0 - _lower_quantile(1.0 - u, b, a)
    return _lower_quantile(u, a, b)


def _lower_quantile(u: float, a: float, b: float) -> float:
    """The x in [0, 0.5] with I_x(a, b) = u: Newton steps, bisection where they leave it."""
    low, high = 0.0, 0.5
    x = min(max(a / (a + b), _TINY), high)
    for step in range(_N_STEPS):
        error = beta_cdf(x, a, b) - u
        low, high = (x, high) if error < 0 else (low, x)
        density = _front(x, a, b) / (x * (1.0 - x))
        target = x - error / density if density > 0 and step < _N_NEWTON_STEPS else low
        following = target if low < target < high else _middle(low, high)
        if abs(following - x) <= _PRECISION * x or following in (low, high):
            break
        x = following
    return x


def _middle(low: float, high: float) -> float:
    """Between the two: geometric where they differ in magnitude, so tiny values converge too."""
    if high > 4.0 * low:
        return math.sqrt(max(low, _TINY)) * math.sqrt(high)
    return 0.5 * (low + high)


def _front(x: float, a: float, b: float) -> float:
    """x^a (1 - x)^b / B(a, b), 0 < x < 1."""
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return math.exp(a * math.log(x) + b * math.log1p(-x) - log_beta)


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Modified Lentz evaluation of DLMF 8.17.22; needs O(sqrt(max(a, b))) terms."""
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 200 + int(10 * math.sqrt(max(a, b)))):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + term * d)
            c = _away_from_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
