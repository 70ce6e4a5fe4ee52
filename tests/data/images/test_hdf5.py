"""Images in HDF5: what is written is read; damaged, hostile and other files are refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from skysure.applications.lensing.images import LensImages
from skysure.data.images.hdf5 import ImageWriter, open_images
from skysure.errors import InputError
from skysure.verbs import simulate


def images(n: int, first: int = 0) -> LensImages:
    rng = np.random.default_rng(first)
    return LensImages(
        rng.normal(size=(n, 8, 9)), noise=np.ones((n, 8, 9)), mask=rng.random((n, 8, 9)) < 0.2, pixel_scale=0.05,
        ids=[f"é{first + k}" for k in range(n)], truth=rng.random((n, 8)), flags=["no PSF"] * n,
        objects={"z_lens": rng.random(n), "group": np.array(["a"] * n)},
    )  # fmt: skip


def write(path: Path, *chunks: LensImages) -> Path:
    with ImageWriter(path, sum(map(len, chunks))) as writer:
        for chunk in chunks:
            writer.write(chunk.to_arrays(), chunk.array_units)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    chunks = images(3), images(2, 3)
    path = write(tmp_path / "lenses.h5", *chunks)
    with open_images(path) as reader:
        assert len(reader) == 5
        assert reader.ids().tolist() == ["é0", "é1", "é2", "é3", "é4"]
        assert reader.units["truth/theta_E"] == "arcsec"
        again = LensImages.from_arrays(reader.read(1, 5))
    whole = LensImages.concat(chunks)[1:]
    for name in ("image", "noise", "mask", "psf", "pixel_scale", "ids", "truth", "flags"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    np.testing.assert_array_equal(again.objects["z_lens"], whole.objects["z_lens"])
    assert again.groups.tolist() == ["a"] * 4


def test_simulations_are_written(tmp_path: Path) -> None:
    path = tmp_path / "simulated.h5"
    assert simulate("lensing", path, 3, size=64) == 3
    with open_images(path) as reader:
        assert reader.read(0, 3, ("image",))["image"].shape == (3, 64, 64)
    with pytest.raises(InputError, match="exists"):
        simulate("lensing", path, 3, size=64)
    assert simulate("lensing", path, 2, size=64, force=True) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["simulated.h5"]


def test_other_applications_simulate_no_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sine simulates no images"):
        simulate("sine", tmp_path / "a.h5", 3)
    assert not list(tmp_path.iterdir())


def test_a_simulation_has_an_end(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="how many objects"):
        simulate("lensing", tmp_path / "a.h5")


def test_files_that_are_cut_short_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", images(4))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="cannot be read"), open_images(path) as reader:
        reader.read(0, 4)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["flux"] = np.zeros(3)
    for name, said in (("other.h5", "no data set 'image'"), ("none.h5", "no such file")):
        with pytest.raises(InputError, match=said), open_images(tmp_path / name):
            pass


def test_lengths_that_differ_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", images(4))
    with h5py.File(path, "a") as file:
        del file["id"]
        file["id"] = ["x"]
    with pytest.raises(InputError, match="one value for each object"), open_images(path):
        pass


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", images(2))
    write(tmp_path / "secret.h5", images(2))
    with h5py.File(path, "a") as file:
        del file["noise"]
        file["noise"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/noise")
    with pytest.raises(InputError, match="is a link"), open_images(path):
        pass


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 images"), ImageWriter(tmp_path / "a.h5", 4) as writer:
        writer.write(images(3).to_arrays())
    assert not list(tmp_path.iterdir())
