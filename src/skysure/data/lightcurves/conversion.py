"""Convert columns as they are in the file to points and columns of objects in our units."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from skysure import limits
from skysure.data.files.values import arrow, numbers, texts

from .bands import band_names, band_of, check_bands
from .blocks import BAND, ERROR, NAN, SCALE, TEXT, Points
from .columns import Columns
from .fluxes import ZERO_POINT
from .limits import without_limits
from .passbands import code
from .reading import OBJECT_COLUMNS
from .selection import points_to_keep
from .times import convert_times
from .zero_points import check_zero_points, note_systems

HUGE = 1e15
"""Larger values, and errors smaller than its inverse, would overflow in single precision and are refused."""
MEANINGLESS = ("", "0", "-1", "-9")


def convert_points(columns: Columns, batch: Mapping[str, object], rows: np.ndarray) -> tuple[Points, np.ndarray]:
    """Convert columns of a table to points, with a mask of those to keep (`keep`, `drop`, `reject_bits`)."""
    of = columns.of
    time, time_text, other_scale = convert_times(columns, batch[of["time"][0]])
    if "flux" in of:
        flux, flux_text = _measurements(columns, batch[of["flux"][0]])
        error, error_text = numbers(batch[of["flux_error"][0]])
        scale = columns.scale
        if scale is None:
            scale = 10 ** (0.4 * (ZERO_POINT - _scaled(columns, batch, "zero_point")[0]))
        flux, error = flux * scale, error * (scale * columns.error_scale)
    else:
        flux, error, flux_text, error_text = _convert_magnitudes(columns, batch)
    keep = points_to_keep(columns.reading, batch, len(time), columns.notes)
    check_zero_points(columns, batch, keep)
    note_systems(columns, batch, keep)
    band = _band_codes(columns, batch[of["band"][0]], keep)
    flaw = np.zeros(len(time), np.int8)
    flaw[other_scale] = SCALE
    flaw[band < 0] = BAND
    with np.errstate(invalid="ignore"):
        flaw[error <= 1 / HUGE] = ERROR
    for k, values in reversed(list(enumerate((time, flux, error)))):
        flaw[~(np.abs(values) < HUGE)] = NAN + k
    for k, text in reversed(list(enumerate((time_text, flux_text, error_text)))):
        flaw[text] = TEXT + k
    return Points(time, band, flux, error, flaw, rows), keep


def _measurements(columns: Columns, values: object) -> tuple[np.ndarray, np.ndarray]:
    """Convert fluxes or magnitudes to numbers; limits written among them are no measurements."""
    measured, count = without_limits(values)
    columns.notes("values are limits, such as >17.5, and no measurements", count)
    return numbers(measured)


def convert_objects(columns: Columns, batch: Mapping[str, object]) -> tuple[dict[str, np.ndarray], dict[int, str]]:
    """Convert columns of objects, the first of several that has a value; give the reasons why some cannot be used."""
    out: dict[str, np.ndarray] = {}
    reasons: dict[int, str] = {}
    for column in OBJECT_COLUMNS:
        for name in columns.of.get(column, ()):
            if name not in batch:
                continue
            if column in ("label", "group"):
                codes, names = texts(batch[name])
                meaning = _label if column == "label" else _group
                values = np.array([meaning(columns, n) for n in names.tolist()], dtype=str)[codes]
                empty = (out[column] == "") if column in out else None
            else:
                values, text = numbers(batch[name])
                values = values * columns.factors.get(name, 1.0)
                for k in np.flatnonzero(text):
                    reasons[int(k)] = f"text in a number: {name}"
                for k in np.flatnonzero(np.abs(values) >= HUGE):
                    reasons[int(k)] = f"value out of range (above 1e15): {name}"
                values = mask_placeholders(column, values)
                empty = np.isnan(out[column]) if column in out else None
            out[column] = values if empty is None else np.where(empty, values, out[column])
    for name in columns.reading.carry:
        if name in batch:
            out[name] = _plain_column(arrow(batch[name]))
    for name, values in out.items():
        for k in np.flatnonzero(is_too_long(values)).tolist():
            reasons[k] = f"text of more than {limits.current().text_length:,} characters: {name}"
    return out, reasons


def is_too_long(values: np.ndarray) -> np.ndarray:
    """Whether each text is longer than the limit; numbers are not."""
    if values.dtype.kind != "U" or values.dtype.itemsize // 4 <= limits.current().text_length:
        return np.zeros(len(values), bool)
    return np.char.str_len(values) > limits.current().text_length


def mask_placeholders(column: str, values: np.ndarray) -> np.ndarray:
    """Replace numbers that stand for a missing redshift or error (-9) by NaN."""
    least = {"redshift": -0.1, "redshift_error": 0.0}.get(column, -np.inf)
    return np.where(values >= least, values, np.nan)


def _plain_column(values: pa.Array) -> np.ndarray:
    kind = values.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return numbers(values)[0]
    codes, names = texts(values)
    return names[codes]


def _scaled(columns: Columns, batch: Mapping[str, object], column: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of one of our columns in our unit, with a mask of those that are text."""
    name = columns.of[column][0]
    values, text = numbers(batch[name])
    return values * columns.factors.get(name, 1.0), text


def _convert_magnitudes(columns: Columns, batch: Mapping[str, object]) -> tuple[np.ndarray, ...]:
    """Magnitudes (AB) to flux: f = 10^(0.4 (27.5 - m)), and its error f ln(10) / 2.5 times that of m."""
    mag, mag_text = _measurements(columns, batch[columns.of["mag"][0]])
    mag = mag * columns.factors.get(columns.of["mag"][0], 1.0)
    mag_error, error_text = _scaled(columns, batch, "mag_error")
    with np.errstate(over="ignore"):
        flux = 10 ** (0.4 * (ZERO_POINT - mag))
    error = flux * mag_error * (0.4 * np.log(10))
    if "sign" in columns.of:
        codes, names = texts(batch[columns.of["sign"][0]])
        flux = flux * np.array([-1.0 if n.lower() in ("f", "false", "0", "-1", "-") else 1.0 for n in names])[codes]
    return flux, error, mag_text, error_text


def _band_codes(columns: Columns, values: object, keep: np.ndarray) -> np.ndarray:
    """Codes of bands, -1 where it is missing; names that are not known raise an InputError, if points have them."""
    codes, names = texts(values)
    used = names[np.unique(codes[keep])].tolist()
    check_bands(columns.file, used, columns.reading, columns.of["band"][0])
    place = {name: k for k, name in enumerate(band_names(columns.reading))}
    index = [place.get(band_of(name, columns.reading), -1) if name else -1 for name in names.tolist()]
    return np.array(index, np.int16)[codes]


def _label(columns: Columns, name: str) -> str:
    """Return the class of a label: as mapped, or itself where there is no mapping or it is a class already."""
    mapping, name = columns.reading.labels, code(name)
    if name in mapping:
        return mapping[name]
    if not mapping and name.lower() not in ("nan", "unknown", "-9", "-", "none", "null"):
        return name
    if name in mapping.values():
        return name
    if name.lower() not in ("", "nan", "unknown", "-9", "0", "-", "none", "null"):
        columns.notes(f"the label '{name}' is not in [reading.labels] and was taken as unknown", 1)
    return ""


def _group(columns: Columns, name: str) -> str:
    return "" if name in MEANINGLESS or name.lower() == "nan" else name
