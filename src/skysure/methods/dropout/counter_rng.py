"""Random numbers by counting: each is a hash of what it is for, so no generator has a state to keep in step.

A number belongs to (seed, sample, row, layer, feature), and is the same in any chunk, process or device. (seed, sample,
row) and (layer, feature) are mixed into 64 bits each by SplitMix64 (Steele, Lea, Flood 2014,
doi:10.1145/2660193.2660195): few numbers, dear. Each pair of the two then goes through a 32-bit hash of two rounds,
multiply and xorshift, with the constants of C. Wellons' "lowbias32" (https://nullprogram.com/blog/2018/07/31/): many
numbers, as fast as `torch.rand`. One word of each enters before the first round and one before the second, so that no
two rows and no two features share a stream.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

Integers = Any
"""int64, a tensor or an array of NumPy."""
_WEYL = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_LOWBIAS = (0x7FEB352D, 0x846CA68B - (1 << 32))


def keys(seed: int, samples: Int64[Tensor, " sample"], rows: Int64[Tensor, " row"]) -> Int32[Tensor, "sample row 2"]:
    """Mix a seed, the samples and the rows into one 64-bit key for each pair, as two words.

    Parameters
    ----------
    seed : int
        Any integer; its lowest 64 bits count.
    samples, rows : Tensor, int64
        Which posterior samples, and which objects: any integers.
    """
    if samples.device.type == "cpu":  # few numbers: NumPy's calls take a third of the time
        mixed = _absorb(_absorb(_signed(seed), samples.numpy())[:, None], rows.numpy())
        return _words(torch.from_numpy(mixed))
    return _words(_absorb(_absorb(_signed(seed), samples)[:, None], rows))


def keys_of_members(key: Int32[Tensor, "sample row 2"], members: int) -> Int32[Tensor, "{members} sample row 2"]:
    """Mix the number of each member of an ensemble into keys."""
    number = torch.arange(members, device=key.device)[:, None, None]
    return _words(_absorb(key.view(torch.int64)[..., 0], number))


def uniform(key: Int32[Tensor, "sample row 2"], layer: int, features: int) -> Float32[Tensor, "sample row {features}"]:
    """Draw uniform numbers strictly inside (0, 1), on the grid (k + 1/2) / 2^23.

    Parameters
    ----------
    key : Tensor
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
    unit = _units(layer, features, key.device)
    bits = key[..., :1] + unit[0]
    _xorshift(bits, 16).mul_(_LOWBIAS[0]).bitwise_xor_(key[..., 1:]).add_(unit[1])
    _xorshift(bits, 15).mul_(_LOWBIAS[1])
    # 23 bits: with the half they fill the 24 of a float32, so that neither 0 nor 1 can come out.
    return bits.bitwise_right_shift_(9).bitwise_and_(0x7FFFFF).float().add_(0.5).mul_(2.0**-23)


@lru_cache(maxsize=256)
def _units(layer: int, features: int, device: torch.device) -> Int32[Tensor, "2 feature"]:
    return _words(_absorb(layer, torch.arange(features))).T.contiguous().to(device)


def _absorb(state: Integers | int, number: Integers) -> Integers:
    return _mix(_mix(number) ^ state)


def _mix(x: Integers) -> Integers:
    """SplitMix64: one step of the Weyl sequence, then its finaliser."""
    x = x + _signed(_WEYL)
    x = (x ^ _shifted(x, 30)) * _signed(_MIX[0])
    x = (x ^ _shifted(x, 27)) * _signed(_MIX[1])
    return x ^ _shifted(x, 31)


def _xorshift(x: Int32[Tensor, "*any"], shift: int) -> Int32[Tensor, "*any"]:
    # In place where torch.vmap allows it: `out=` it does not.
    return x.bitwise_xor_((x >> shift).bitwise_and_((1 << (32 - shift)) - 1))


def _shifted(x: Integers, shift: int) -> Integers:
    """Shift right and fill with zeros; torch's own shift fills with the sign."""
    return (x >> shift) & ((1 << (64 - shift)) - 1)


def _words(x: Int64[Tensor, "*any"]) -> Int32[Tensor, "*any 2"]:
    """The low and the high 32 bits, as signed numbers (in this order on all machines that torch runs on)."""
    return x[..., None].view(torch.int32)


def _signed(x: int) -> int:
    """The signed 64-bit integer of the same bits."""
    return (x + (1 << 63)) % (1 << 64) - (1 << 63)
