"""Expected improvement in logarithmic form, finite where the improvement itself underflows.

With z = (best - mean) / std and phi, Phi the standard normal density and distribution:

    log EI = log std + log h(z),   h(z) = phi(z) + z Phi(z)

For z < 0 the two terms of h cancel; h = phi(z) (1 - |z| M(|z|)) with Mills' ratio
M(t) = (1 - Phi(t)) / phi(t) = sqrt(pi/2) erfcx(t / sqrt 2) does not underflow.

References:
    Jones et al. (1998), Efficient global optimization, eq. 15.
    Ament et al. (2023), Unexpected improvements to expected improvement, section 4 and appendix A.
    Weideman (1994), Computation of the complex error function, table 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats


_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_SQRT_HALF_PI = math.sqrt(math.pi / 2)
#: Beyond this many standard deviations 1 - t M(t) is taken from its asymptotic series.
_FAR = 50.0


@dataclass(frozen=True)
class LogImprovement:
    """Log EI and its derivatives with respect to mean and std, shape (m,) each."""

    value: Floats
    by_mean: Floats
    by_std: Floats


def expected_improvement(mean: Floats, std: Floats, best: float) -> Floats:
    """Expected improvement over ``best`` when minimising.

    EI(x) = E[max(best - f(x), 0)],  f(x) ~ N(mean, std**2).

    Args:
        mean: Posterior mean at m candidates, shape (m,), in standardised units of y.
        std: Posterior standard deviation, shape (m,), strictly positive.
        best: Incumbent value, same units as ``mean``.

    Returns:
        Shape (m,), non-negative; larger is better.
    """
    return np.exp(log_expected_improvement(mean, std, best).value)


def log_expected_improvement(mean: Floats, std: Floats, best: float) -> LogImprovement:
    """Logarithm of the expected improvement over ``best`` when minimising, with derivatives.

    Args:
        mean: Posterior mean at m candidates, shape (m,), in standardised units of y.
        std: Posterior standard deviation, shape (m,), strictly positive.
        best: Incumbent value, same units as ``mean``.
    """
    z = (best - mean) / std
    log_h, cdf_over_h, pdf_over_h = _improvement_terms(z)
    return LogImprovement(
        value=np.log(std) + log_h, by_mean=-cdf_over_h / std, by_std=pdf_over_h / std
    )


def _improvement_terms(z: Floats) -> tuple[Floats, Floats, Floats]:
    """Log h(z), Phi(z) / h(z) and phi(z) / h(z)."""
    t = np.abs(z)
    mills = _SQRT_HALF_PI * erfcx(t * math.sqrt(0.5))
    log_pdf = -0.5 * t * t - _LOG_SQRT_2PI
    is_below = z < 0
    tail = np.where(is_below, _tail(t, mills), 1.0)
    with np.errstate(under="ignore"):
        pdf = np.exp(log_pdf)
        cdf_above = 1.0 - pdf * mills  # Phi(z) for z >= 0
        h_above = pdf + t * cdf_above
    log_h = np.where(is_below, log_pdf + np.log(tail), np.log(h_above))
    cdf_over_h = np.where(is_below, mills / tail, cdf_above / h_above)
    pdf_over_h = np.where(is_below, 1.0 / tail, pdf / h_above)
    return log_h, cdf_over_h, pdf_over_h


def _tail(t: Floats, mills: Floats) -> Floats:
    """1 - t M(t) for t >= 0: exact where it does not cancel, else its asymptotic series."""
    w = 1.0 / np.square(np.maximum(t, _FAR))
    series = w * (1.0 - w * (3.0 - w * (15.0 - 105.0 * w)))
    return np.where(t > _FAR, series, 1.0 - np.minimum(t, _FAR) * mills)


def erfcx(x: Floats) -> Floats:
    """Scaled complementary error function exp(x**2) erfc(x) for x >= 0, to 12 digits.

    Weideman's rational approximation of w(ix), whose argument is real on this half line.

    Args:
        x: Shape (m,).
    """
    distance = _L + x
    polynomial = _polynomial((_L - x) / distance)
    return 2.0 * polynomial / (distance * distance) + (1.0 / math.sqrt(math.pi)) / distance


def _polynomial(z: Floats) -> Floats:
    """Horner's rule on blocks of four coefficients: a quarter of the calls of numpy."""
    square = z * z
    blocks = _BLOCKS @ np.stack([square * z, square, z, np.ones_like(z)])
    fourth = square * square
    value: Floats = blocks[0]
    for block in blocks[1:]:
        value = value * fourth + block
    return value


def _weideman_coefficients(n: int) -> Floats:
    m = 4 * n
    theta = np.arange(-m + 1, m) * (math.pi / m)
    t = _L * np.tan(theta / 2)
    samples = np.concatenate([[0.0], np.exp(-t * t) * (_L * _L + t * t)])
    return np.real(np.fft.fft(np.fft.fftshift(samples)))[n:0:-1] / (2 * m)


_N_TERMS = 32
_L = math.sqrt(_N_TERMS / math.sqrt(2))
#: Highest power first, four to a row.
_BLOCKS = _weideman_coefficients(_N_TERMS).reshape(-1, 4)
