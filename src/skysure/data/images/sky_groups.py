"""Images that may show the same sky, as groups that must not be divided between the parts of a training."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree


def sky_groups(ra: np.ndarray, dec: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Name the groups of images that hang together by overlaps, shape (image,); "" where the position is unknown.

    Parameters
    ----------
    ra, dec : ndarray, shape (image,)
        Centre [deg].
    radius : ndarray, shape (image,)
        From the centre to a corner [arcsec]: discs that touch count as overlapping.

    Examples
    --------
    >>> sky_groups(np.array([10.0, 10.01, 50.0, np.nan]), np.zeros(4), np.full(4, 30.0)).tolist()
    ['sky 0', 'sky 0', 'sky 2', '']
    """
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    names = np.full(len(ra), "", dtype="<U24")
    if not len(known):
        return names
    a, d, reach = np.radians(ra[known]), np.radians(dec[known]), np.radians(radius[known] / 3600)
    places = np.column_stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    pairs = cKDTree(places).query_pairs(2 * np.sin(min(reach.max(), np.pi / 2)), output_type="ndarray")
    distance = np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1)
    near = pairs[2 * np.arcsin(np.minimum(distance / 2, 1)) <= reach[pairs].sum(1)]
    links = coo_matrix((np.ones(len(near)), near.T), shape=(len(known),) * 2)
    _, group = connected_components(links, directed=False)
    first = np.array([known[np.flatnonzero(group == g)[0]] for g in range(group.max() + 1)])
    names[known] = [f"sky {first[g]}" for g in group]
    return names
