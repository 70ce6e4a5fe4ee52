"""Which files hold which object: images, and the noise, mask and PSF beside them, by the names of files and folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from skysure.data.files.entries import SUFFIXES, Entry, bare, printable, walk
from skysure.data.files.kinds import check_claim, kind_of
from skysure.errors import InputError

from .frames import open_frames
from .reading import Reading
from .rejected import Rejected
from .roles import IMAGE, PSF, part_of, stem

READABLE = ("fits", "HDF5")
EXPECTED = "images as FITS, or simulated ones as HDF5"


@dataclass(frozen=True)
class ImageFiles:
    """An image with the files that belong to it.

    Parameters
    ----------
    id : str
    image : Entry
    companions : dict of str to Entry
        The file of each role: "sigma", "variance", "inverse variance", "weight", "mask", "psf".
    """

    id: str
    image: Entry
    companions: dict[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What is to be read.

    Parameters
    ----------
    images : tuple of ImageFiles
    stored : tuple of Entry
        HDF5 files of many images.
    rejected : tuple of Rejected
        Files that cannot be used.
    skipped : tuple of str
        Files of folders that are no images.
    tables : tuple of str
        Those of them that may be tables of objects.
    """

    images: tuple[ImageFiles, ...]
    stored: tuple[Entry, ...]
    rejected: tuple[Rejected, ...]
    skipped: tuple[str, ...]
    tables: tuple[str, ...]


def make_plan(paths: Sequence[str | Path], reading: Reading) -> Plan:
    """Find the images among files, folders, globs and archives; only the beginnings of files are read.

    Raises
    ------
    InputError
        Where a path does not exist, is no image, or there is no image at all.
    """
    fits, stored, skipped, rejected, errors = [], [], [], [], []

    def set_aside(path: Path, error: InputError) -> None:
        errors.append(error)
        rejected.append(
            Rejected("", printable(str(path)), 0, f"the file was set aside: {error.cause or error.problem}")
        )

    for entry, head in walk(paths, set_aside=set_aside):
        kind = kind_of(head)
        if not entry.explicit and _is_other(entry, kind):
            skipped.append(entry.name)
            continue
        try:
            check_claim(entry, kind, EXPECTED, READABLE)
        except InputError as error:
            if entry.explicit:
                raise
            set_aside(entry.path / entry.member, error)
            continue
        (fits if kind == "fits" else stored).append(entry)
    images, unused = _group(fits)
    if not images and not stored:
        raise errors[0] if errors else _no_image(paths, fits)
    tables = tuple(name for name in skipped if name.lower().endswith((".csv", ".ecsv", ".tsv", ".parquet", ".vot")))
    return Plan(_with_unique_ids(images), tuple(stored), (*rejected, *unused), tuple(skipped), tables)


def _is_other(entry: Entry, kind: str) -> bool:
    """Whether a file of a folder neither is an image nor claims to be one."""
    suffix = PurePosixPath(bare(entry.leaf)).suffix
    return kind not in READABLE and SUFFIXES.get(suffix) != "fits" and suffix not in (".h5", ".hdf5")


def _group(entries: Sequence[Entry]) -> tuple[list[ImageFiles], list[Rejected]]:
    """Group files by the object in their names; a PSF alone in a folder serves all images there that have none."""
    groups: dict[tuple[str, str], dict[str, Entry]] = {}
    rejected = []
    for entry in entries:
        part = part_of(stem(entry.leaf))
        roles = groups.setdefault((entry.folder, part.object), {})
        role = part.role or IMAGE
        if role in roles:
            rejected.append(_unused(entry, f"{roles[role].leaf} is the {role} of the same object"))
        else:
            roles[role] = entry
    with_image = {folder for (folder, _), roles in groups.items() if IMAGE in roles}
    images = []
    for (folder, name), roles in groups.items():
        if IMAGE in roles:
            shared = groups.get((folder, ""), {})
            lent = {PSF: shared[PSF]} if PSF in shared and IMAGE not in shared else {}
            own = {role: entry for role, entry in roles.items() if role != IMAGE}
            images.append(ImageFiles(name or folder_name(roles[IMAGE]), roles[IMAGE], lent | own))
        elif not (folder in with_image and name == "" and set(roles) == {PSF}):
            rejected += [_unused(entry, "there is no image of the same name") for entry in roles.values()]
    return images, rejected


def _unused(entry: Entry, reason: str) -> Rejected:
    return Rejected("", entry.name, 0, f"the file was set aside: {reason}")


def folder_name(entry: Entry) -> str:
    """Name of the folder that a file is in, or of the archive."""
    inside = PurePosixPath(entry.member).parent.name if entry.member else ""
    outside = stem(entry.path.name).removesuffix(".tar") if entry.member else entry.path.resolve().parent.name
    return printable(inside or outside)


def _with_unique_ids(images: Sequence[ImageFiles]) -> tuple[ImageFiles, ...]:
    """Put the folder before the ids that occur in several folders."""
    counts = Counter(image.id for image in images)
    repeated = {name for name, count in counts.items() if count > 1}
    return tuple(
        replace(image, id=f"{folder_name(image.image)}/{image.id}") if image.id in repeated else image
        for image in images
    )


def _no_image(paths: Sequence[str | Path], fits: Sequence[Entry]) -> InputError:
    names = ", ".join(printable(str(path)) for path in paths[:3])
    if fits:
        return InputError(
            f"{names}: no image", EXPECTED, f"{fits[0].leaf} is by its name a {part_of(stem(fits[0].leaf)).role}",
            "give the image too, or rename it",
        )  # fmt: skip
    return InputError(f"{names}: no image", EXPECTED, "an empty folder, or files of other kinds", "check the path")


def holds_images(paths: Sequence[str | Path]) -> bool:
    """Whether there is an image, or a file of simulated images, among paths; damaged files count as none."""
    with suppress(InputError):
        for entry, head in walk(paths, set_aside=lambda path, error: None):
            kind = kind_of(head)
            if kind == "HDF5" or (kind == "fits" and _has_image(entry)):
                return True
    return False


def _has_image(entry: Entry) -> bool:
    with suppress(InputError), open_frames(entry) as frames:
        return bool(frames)
    return False
