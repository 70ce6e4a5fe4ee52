"""Random numbers by counting: each is a hash of what it is for, so no generator has a state to keep in step.

A number belongs to (seed, sample, row, layer, feature), and is the same in any chunk, process or device. The key of
a (seed, sample, row) is 64 bits, mixed by SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195); the many
numbers under one key come from its halves by a 32-bit multiply-and-xorshift hash with the constants of C. Wellons'
"lowbias32" (https://nullprogram.com/blog/2018/07/31/). We add the second half of the key between the two
multiplications, so that no two rows share a shifted stream. As fast as `torch.rand` where one key has many features.
"""

from __future__ import annotations

import torch
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

_WEYL = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_LOWBIAS = (0x7FEB352D, 0x846CA68B - (1 << 32))


def keys(seed: int, samples: Int64[Tensor, " sample"], rows: Int64[Tensor, " row"]) -> Int64[Tensor, "sample row"]:
    """Mix a seed, the samples and the rows into one 64-bit key for each pair.

    Parameters
    ----------
    seed : int
        Any integer; its lowest 64 bits count.
    samples, rows : Tensor, int64
        Which posterior samples, and which objects: any integers.
    """
    start = torch.full((), _signed(seed, 64), dtype=torch.int64, device=rows.device)
    return _absorb(_absorb(_mix(start), samples)[:, None], rows)


def uniform(key: Int64[Tensor, "sample row"], layer: int, features: int) -> Float32[Tensor, "sample row {features}"]:
    """Draw uniform numbers strictly inside (0, 1), on the grid (k + 1/2) / 2^23.

    Parameters
    ----------
    key : Tensor, int64
        From `keys`.
    layer, features : int
        Which layer asks, and for how many numbers; the first ones do not depend on how many.

    Examples
    --------
    >>> import torch
    >>> rows = torch.arange(4)
    >>> u = uniform(keys(1, torch.tensor([0]), rows), layer=0, features=3)
    >>> torch.equal(u[:, 2:], uniform(keys(1, torch.tensor([0]), rows[2:]), layer=0, features=3))
    True
    """
    key = _absorb(key, torch.full((), layer, dtype=torch.int64, device=key.device))[..., None]
    low, high = _int32(key), _int32(_shifted(key, 32))
    bits = low + _int32(_mix(torch.arange(features, device=key.device) + 1))
    spare = torch.empty_like(bits)
    _xorshift(bits, 16, spare).mul_(_LOWBIAS[0]).bitwise_xor_(high)
    _xorshift(bits, 15, spare).mul_(_LOWBIAS[1])
    # 23 bits: with the half they fill the 24 of a float32, so that neither 0 nor 1 can come out.
    return bits.bitwise_right_shift_(9).bitwise_and_(0x7FFFFF).float().add_(0.5).mul_(2.0**-23)


def _absorb(state: Int64[Tensor, "*state"], number: Int64[Tensor, "*number"]) -> Int64[Tensor, "*both"]:
    return _mix(state ^ _mix(number))


def _mix(x: Int64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
    """SplitMix64: one step of the Weyl sequence, then its finaliser."""
    x = x + _signed(_WEYL, 64)
    x = (x ^ _shifted(x, 30)) * _signed(_MIX[0], 64)
    x = (x ^ _shifted(x, 27)) * _signed(_MIX[1], 64)
    return x ^ _shifted(x, 31)


def _xorshift(x: Int32[Tensor, "*any"], shift: int, spare: Int32[Tensor, "*any"]) -> Int32[Tensor, "*any"]:
    torch.bitwise_right_shift(x, shift, out=spare)
    return x.bitwise_xor_(spare.bitwise_and_((1 << (32 - shift)) - 1))


def _shifted(x: Int64[Tensor, "*any"], shift: int) -> Int64[Tensor, "*any"]:
    """Shift right and fill with zeros; torch's own shift fills with the sign."""
    return (x >> shift) & ((1 << (64 - shift)) - 1)


def _int32(x: Int64[Tensor, "*any"]) -> Int32[Tensor, "*any"]:
    """Keep the lowest 32 bits, as a signed number (narrowing a number out of range is not defined everywhere)."""
    x = x & 0xFFFFFFFF
    return torch.where(x >= 1 << 31, x - (1 << 32), x).to(torch.int32)


def _signed(x: int, bits: int) -> int:
    x &= (1 << bits) - 1
    return x - (1 << bits) if x >> (bits - 1) else x
