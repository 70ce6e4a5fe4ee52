"""Features of an image: residual stages at strides 4, 8, 16, ..., and a feature pyramid over them.

Residual blocks (He et al. 2016, arXiv:1603.05027) with a factor that begins at zero, group normalisation (Wu & He 2018,
arXiv:1803.08494) or none (De & Smith 2020, arXiv:2002.10444): batches of a few images have no statistics to normalise
by. The pyramid is torchvision's (Lin et al. 2017, arXiv:1612.03144).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from .settings import DetectorSettings

Maps = Float[Tensor, "object _ _ _"]
"""Channels, rows and columns of each image."""

GROUPS = 8


def group_norm(channels: int) -> nn.Module:
    """Normalise groups of channels of each image."""
    return nn.GroupNorm(GROUPS, channels)


NORMS: dict[str, Callable[[int], nn.Module]] = {"group": group_norm, "none": lambda channels: nn.Identity()}


class Residual(nn.Module):
    """x + a convolve(relu(norm(convolve(relu(norm(x)))))), with a learned factor a that begins at zero.

    With a stride, x is averaged over 3 x 3 pixels; with another number of channels it is mixed by a 1 x 1 convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = norm(inputs), norm(outputs)
        self.convolve_1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.convolve_2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.pool = nn.AvgPool2d(3, stride, padding=1, count_include_pad=False) if stride > 1 else nn.Identity()
        self.mix = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.factor = nn.Parameter(torch.zeros(()))

    def forward(self, x: Maps) -> Maps:
        change = self.convolve_1(F.relu(self.norm_1(x)))
        return self.mix(self.pool(x)) + self.factor * self.convolve_2(F.relu(self.norm_2(change)))


class Backbone(nn.Module):
    """An image to the maps of its levels, all with the same number of channels.

    Parameters
    ----------
    settings : DetectorSettings
    """

    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__()
        norm, first = NORMS[settings.norm], settings.widths[0]
        self.pyramid_is_used = settings.pyramid
        widths = settings.widths if settings.pyramid else settings.widths[:3]
        self.stem = nn.Sequential(nn.Conv2d(settings.bands, first, 5, stride=2, padding=2), norm(first), nn.ReLU())
        self.stages = nn.ModuleList(
            nn.Sequential(
                Residual(inputs, outputs, 2, norm),
                *(Residual(outputs, outputs, 1, norm) for _ in range(settings.blocks - 1)),
            )
            for inputs, outputs in zip((first, *widths), widths, strict=False)
        )
        used = list(widths) if settings.pyramid else [widths[-1]]
        self.pyramid = FeaturePyramidNetwork(used, settings.fpn_width, norm_layer=norm)

    def forward(self, images: Maps) -> list[Maps]:
        """Compute the map of each level, from the smallest stride to the largest."""
        x, stages = self.stem(images), []
        for stage in self.stages:
            x = stage(x)
            stages.append(x)
        used = stages if self.pyramid_is_used else stages[-1:]
        return list(self.pyramid(OrderedDict((str(level), x) for level, x in enumerate(used))).values())

    @property
    def stride(self) -> int:
        """Stride of the last stage [pixel]: sides of images are filled up to multiples of it."""
        return 2 << len(self.stages)


def fill_up(images: Maps, multiple: int) -> Maps:
    """Add zeros at the end of rows and columns until both sides are multiples of a number.

    Otherwise the strides that torchvision derives from the sizes of the maps are wrong.
    """
    rows, columns = images.shape[-2:]
    return F.pad(images, (0, -columns % multiple, 0, -rows % multiple))


def summarise(maps: list[Maps]) -> Float[Tensor, "object feature"]:
    """Mean and standard deviation of each channel of each level: features of an image for an OOD score."""
    return torch.cat([statistic for x in maps for statistic in (x.mean((2, 3)), x.std((2, 3), correction=0))], 1)
