"""A keyed permutation of [0, n) that is computed point by point, for any n.

A balanced Feistel network permutes [0, 4^k) with 4^k the smallest such power not below n; values
outside [0, n) are fed in again until one falls inside ("cycle walking"), which takes fewer than
four steps on average. It is stateless and platform-independent.

References:
    Luby and Rackoff (1988), How to construct pseudorandom permutations from pseudorandom
        functions, SIAM J. Comput. 17(2).
    Black and Rogaway (2002), Ciphers with arbitrary finite domains, CT-RSA, sec. 3-4.
"""

from __future__ import annotations

from hashlib import shake_128

_N_ROUNDS = 8


class Permutation:
    """A bijection of [0, n) fixed by ``key``."""

    def __init__(self, n: int, key: str) -> None:
        self._n = n
        self._half_bits = max(1, ((n - 1).bit_length() + 1) // 2)
        self._mask = (1 << self._half_bits) - 1
        self._n_bytes = -(-self._half_bits // 8)
        self._key = key.encode()

    def __call__(self, position: int) -> int:
        """The image of ``position``, both in [0, n)."""
        image = self._encipher(position)
        while image >= self._n:
            image = self._encipher(image)
        return image

    def position_of(self, image: int) -> int:
        """The position with this image."""
        position = self._decipher(image)
        while position >= self._n:
            position = self._decipher(position)
        return position

    def _encipher(self, number: int) -> int:
        left, right = number >> self._half_bits, number & self._mask
        for round_number in range(_N_ROUNDS):
            left, right = right, left ^ self._scramble(round_number, right)
        return left << self._half_bits | right

    def _decipher(self, number: int) -> int:
        left, right = number >> self._half_bits, number & self._mask
        for round_number in reversed(range(_N_ROUNDS)):
            left, right = right ^ self._scramble(round_number, left), left
        return left << self._half_bits | right

    def _scramble(self, round_number: int, half: int) -> int:
        """The round function: pseudorandom bits of key, round and half."""
        message = bytes([round_number]) + half.to_bytes(self._n_bytes, "big") + self._key
        return int.from_bytes(shake_128(message).digest(self._n_bytes), "big") & self._mask
