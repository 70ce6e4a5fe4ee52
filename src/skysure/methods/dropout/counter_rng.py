"""Counter-based random numbers: each number is a hash of its indices, so that there is no generator state.

A number depends on (seed, sample, row, layer, feature), and is the same in any chunk, process or device. (seed, sample,
row) and (layer, feature) are hashed to 64 bits each by SplitMix64 (Steele, Lea, Flood 2014,
doi:10.1145/2660193.2660195), which is slow but needed for few numbers. Each pair then goes through a 32-bit hash of two
rounds, multiply and xorshift, with the constants of C. Wellons' "lowbias32"
(https://nullprogram.com/blog/2018/07/31/), as fast as `torch.rand`. One word of each enters before the first round and
one before the second, so that no two rows and no two features share a stream.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

Integers = Any
"""int64: a tensor or a NumPy array."""
_WEYL = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_LOWBIAS = (0x7FEB352D, 0x846CA68B - (1 << 32))


def keys(seed: int, samples: Int64[Tensor, " sample"], rows: Int64[Tensor, " row"]) -> Int32[Tensor, "sample row 2"]:
    """Hash a seed with each pair of sample and row into a 64-bit key, as two 32-bit words.

    Parameters
    ----------
    seed : int
        Any integer; its lowest 64 bits are used.
    samples, rows : Tensor, int64
        Numbers of the posterior samples and of the objects: any integers.
    """
    if samples.device.type == "cpu":  # NumPy takes a third of the time for few numbers
        mixed = _combine(_combine(_signed(seed), samples.numpy())[:, None], rows.numpy())
        return _words(torch.from_numpy(mixed))
    return _words(_combine(_combine(_signed(seed), samples)[:, None], rows))


def member_keys(key: Int32[Tensor, "sample row 2"], members: int) -> Int32[Tensor, "{members} sample row 2"]:
    """Hash keys with the number of each member of an ensemble."""
    number = torch.arange(members, device=key.device)[:, None, None]
    return _words(_combine(key.view(torch.int64)[..., 0], number))


def uniform(key: Int32[Tensor, "sample row 2"], layer: int, features: int) -> Float32[Tensor, "sample row {features}"]:
    """Draw uniform numbers strictly inside (0, 1), on the grid (k + 1/2) / 2^23.

    Parameters
    ----------
    key : Tensor
        From `keys`.
    layer, features : int
        Number of the layer, and how many numbers it needs; the first ones do not depend on how many.

    Examples
    --------
    >>> import torch
    >>> rows = torch.arange(4)
    >>> u = uniform(keys(1, torch.tensor([0]), rows), layer=0, features=3)
    >>> torch.equal(u[:, 2:], uniform(keys(1, torch.tensor([0]), rows[2:]), layer=0, features=3))
    True
    """
    unit = _unit_keys(layer, features, key.device)
    bits = key[..., :1] + unit[0]
    _xorshift(bits, 16).mul_(_LOWBIAS[0]).bitwise_xor_(key[..., 1:]).add_(unit[1])
    _xorshift(bits, 15).mul_(_LOWBIAS[1])
    # 23 bits, which with the half fill the 24 of a float32: neither 0 nor 1 can occur.
    return bits.bitwise_right_shift_(9).bitwise_and_(0x7FFFFF).float().add_(0.5).mul_(2.0**-23)


@lru_cache(maxsize=256)
def _unit_keys(layer: int, features: int, device: torch.device) -> Int32[Tensor, "2 feature"]:
    return _words(_combine(layer, torch.arange(features))).T.contiguous().to(device)


def _combine(state: Integers | int, number: Integers) -> Integers:
    return _mix(_mix(number) ^ state)


def _mix(x: Integers) -> Integers:
    """SplitMix64: one step of the Weyl sequence, then the finaliser."""
    x = x + _signed(_WEYL)
    x = (x ^ _shift_right(x, 30)) * _signed(_MIX[0])
    x = (x ^ _shift_right(x, 27)) * _signed(_MIX[1])
    return x ^ _shift_right(x, 31)


def _xorshift(x: Int32[Tensor, "*any"], shift: int) -> Int32[Tensor, "*any"]:
    # In-place methods, as torch.vmap does not support `out=`.
    return x.bitwise_xor_((x >> shift).bitwise_and_((1 << (32 - shift)) - 1))


def _shift_right(x: Integers, shift: int) -> Integers:
    """Logical right shift, filling with zeros; the shift of torch fills with the sign."""
    return (x >> shift) & ((1 << (64 - shift)) - 1)


def _words(x: Int64[Tensor, "*any"]) -> Int32[Tensor, "*any 2"]:
    """The low and the high 32 bits, as signed integers (in this order on all platforms of torch)."""
    return x[..., None].view(torch.int32)


def _signed(x: int) -> int:
    """The signed 64-bit integer with the same bits."""
    return (x + (1 << 63)) % (1 << 64) - (1 << 63)
