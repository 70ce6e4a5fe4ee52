"""Which column of a table is what, in which unit, and how its values become ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from skysure.data.reading import ERROR_OF, FILE_NAME, OBJECT_COLUMNS, Reading
from skysure.faults import Fault, nearest

from .blocks import BAND, ERROR, NAN, TEXT, Points
from .curves import ZERO_POINT
from .values import arrow, numbers, texts

BANDS = ("u", "U", "B", "g", "c", "V", "r", "R", "o", "i", "I", "z", "y", "Y", "J", "H", "K", "w")
"""Names of bands that need no mapping, in order of wavelength."""
ALIASES = {
    "id": "objectid id snid cid oid diaobjectid sourceid objid name object",
    "time": "mjd time jd hjd bjd obsmjd mjdobs midpointmjdtai expmidptmjd date epoch t",
    "band": "band filter passband flt fid filt bandpass",
    "flux": "flux fluxcal psfflux psfdiffflux forcediffimflux fnu",
    "mag": "mag magnitude magpsf psfmag",
    "label": "label class type target sntype classification truth",
    "redshift": "redshift hostphotoz photoz hostgalphotoz zphot hostz hostredshift",
    "ra": "ra radeg raj2000",
    "dec": "dec decl decdeg dej2000",
    "mwebv": "mwebv ebv ebvmw",
    "group": "group host template",
}
ERRORS = ("{}error", "{}err", "e{}", "sigma{}", "{}sigma", "{}unc", "{}uncertainty", "d{}", "err{}", "{}e")
MEANINGLESS = ("", "0", "-1", "-9")


def plain(name: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass
class Columns:
    """The columns of one table, resolved: our names to the file's, and what its numbers mean."""

    file: str
    reading: Reading
    of: dict[str, tuple[str, ...]]
    scale: float | None = None
    error_scale: float = 1.0
    time_format: str = "mjd"
    available: tuple[str, ...] = ()
    notes: Callable[[str, int], None] = lambda text, n: None

    @property
    def wanted(self) -> list[str]:
        """Columns of the file that have to be read."""
        extra = (*self.reading.keep, *self.reading.reject_bits, *self.reading.carry)
        names = [n for names in self.of.values() for n in names] + [n for n in extra if n in self.available]
        return list(dict.fromkeys(n for n in names if n != FILE_NAME))


def find(reading: Reading, available: Mapping[str, str], column: str) -> tuple[str, ...]:
    """Columns of a table that hold one of ours: those the reading names, else by their usual names."""
    if column in reading.columns:
        return tuple(n for n in reading.names_of(column) if n in available or n == FILE_NAME)
    by_plain: dict[str, str] = {}
    for name in available:
        by_plain.setdefault(plain(name), name)
    if column in ERROR_OF:
        value = find(reading, available, ERROR_OF[column])
        found = [by_plain[key] for v in value for e in ERRORS if (key := e.format(plain(v))) in by_plain]
        if column == "mag_error" and not found and "sigmapsf" in by_plain:
            found = [by_plain["sigmapsf"]]
        return tuple(found[:1])
    found = [by_plain[alias] for alias in ALIASES.get(column, "").split() if alias in by_plain]
    if column in ("flux", "mag", "label", "redshift") and len(found) > 1:
        raise Fault(
            f"columns {', '.join(found)}", f"one that is the {column}", "each may be meant",
            f'add to [reading.columns]: {column} = "{found[0]}"',
        )  # fmt: skip
    return tuple(found[:1])


def resolve_points(
    file: str, reading: Reading, user: Reading, units: Mapping[str, str], whole: bool = False
) -> Columns:
    """Find the columns of points in a table and what its flux and time mean.

    Raises
    ------
    Fault
        Where time, band, flux or its error is missing, or the flux has neither unit nor zero point.
    """
    of = {c: found for c in ("id", "time", "band") if (found := find(reading, units, c)[:1])}
    for value, error in (("flux", "flux_error"), ("mag", "mag_error")):
        if (found := find(reading, units, value)[:1]) and "flux" not in of:
            of |= {value: found, error: find(reading, units, error)[:1]}
    for extra in ("zero_point", "sign"):
        if found := find(reading, units, extra)[:1]:
            of[extra] = found
    needed = ["time", "band", "flux" if "mag" not in of else "mag"] + ([] if whole else ["id"])
    needed.append("flux_error" if needed[2] == "flux" else "mag_error")
    for column in needed:
        if not of.get(column):
            _missing(file, reading, units, column)
    of |= {c: found for c in OBJECT_COLUMNS if (found := find(reading, units, c))}
    columns = Columns(file, reading, of, available=tuple(units))
    columns.time_format = reading.time_format or ("jd" if plain(of["time"][0]) in ("jd", "hjd", "bjd") else "mjd")
    if "flux" in of:
        flux, error = of["flux"][0], of["flux_error"][0]
        columns.scale = flux_scale(file, flux, user, reading, units.get(flux, ""), "zero_point" in of)
        if units.get(error, "") and units.get(flux, "") and not (user.unit or user.zero_point is not None):
            columns.error_scale = _factor(file, error, units[error]) / _factor(file, flux, units[flux])
    for name in (*reading.keep, *reading.reject_bits):
        if name not in units and (name in user.keep or name in user.reject_bits):
            _missing(file, reading, units, name)
    return columns


def flux_scale(file: str, column: str, user: Reading, reading: Reading, unit: str, by_point: bool) -> float | None:
    """Factor from the flux of a file to zero point 27.5; None where every point has its own zero point."""
    if user.unit or user.zero_point is not None:
        reading, unit = user, ""
    if unit and unit.lower() not in ("adu", "ct", "count", "counts", "electron"):
        return _factor(file, column, unit)
    if reading.unit:
        return _factor(file, column, reading.unit)
    if reading.zero_point is not None:
        return 10 ** (0.4 * (ZERO_POINT - reading.zero_point))
    if by_point:
        return None
    raise Fault(
        f"{file}: flux column '{column}'", "its unit or its zero point",
        "neither the file nor the reading says it, and no dialect was recognised; a guess could be off by 36",
        'add to [reading]: zero_point = 27.5, or unit = "nJy", or dialect = "..."',
    )  # fmt: skip


def convert_points(columns: Columns, batch: Mapping[str, object], rows: np.ndarray) -> tuple[Points, np.ndarray]:
    """Turn columns of a table into points and say which of them to keep (masks of the reading)."""
    of, time_text = columns.of, None
    time, time_text = _times(columns, batch[of["time"][0]])
    if "flux" in of:
        flux, flux_text = numbers(batch[of["flux"][0]])
        error, error_text = numbers(batch[of["flux_error"][0]])
        scale = columns.scale
        if scale is None:
            scale = 10 ** (0.4 * (ZERO_POINT - numbers(batch[of["zero_point"][0]])[0]))
        flux, error = flux * scale, error * (scale * columns.error_scale)
    else:
        flux, error, flux_text, error_text = _from_magnitudes(columns, batch)
    band = _band_codes(columns, batch[of["band"][0]])
    flaw = np.zeros(len(time), np.int8)
    flaw[band < 0] = BAND
    with np.errstate(invalid="ignore"):
        flaw[error <= 0] = ERROR
    for k, values in reversed(list(enumerate((time, flux, error)))):
        flaw[~np.isfinite(values)] = NAN + k
    for k, text in reversed(list(enumerate((time_text, flux_text, error_text)))):
        flaw[text] = TEXT + k
    return Points(time, band, flux, error, flaw, rows), _kept(columns, batch, len(time))


def convert_objects(columns: Columns, batch: Mapping[str, object]) -> tuple[dict[str, np.ndarray], dict[int, str]]:
    """Turn columns of objects into ours (first of several names that has a value); say which cannot be used."""
    out: dict[str, np.ndarray] = {}
    faults: dict[int, str] = {}
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
                for k in np.flatnonzero(text)[:1000]:
                    faults[int(k)] = f"text in a number: {name}"
                if column.startswith("redshift"):
                    values = np.where(values > -0.1 if column == "redshift" else values >= 0, values, np.nan)
                empty = np.isnan(out[column]) if column in out else None
            out[column] = values if empty is None else np.where(empty, values, out[column])
    for name in columns.reading.carry:
        if name in batch:
            out[name] = _carried(arrow(batch[name]))
    return out, faults


def band_names(reading: Reading) -> tuple[str, ...]:
    """Our names of the bands that may occur, in order of wavelength, then as mapped."""
    return tuple(dict.fromkeys((*BANDS, *reading.bands.values())))


def guess_band(name: str) -> str:
    """Guess which band a survey's name of it stands for: lsst_g, ztfr, g-DES, i.ztf; "" where unclear."""
    letters = "".join(BANDS)
    for pattern in (
        rf".*[^A-Za-z0-9]([{letters}])$", rf"^([{letters}])[^A-Za-z0-9].*", rf"^[a-zA-Z0-9]*(?:lsst|ztf|sdss|des|decam|"
        rf"ps1|hsc|atlas|skymapper|megacam|bessell|lsstcam)([{letters}])$", rf"^([{letters}])$",
    ):  # fmt: skip
        if match := re.match(pattern, name):
            return match[1]
    return ""


def _carried(values: pa.Array) -> np.ndarray:
    kind = values.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return numbers(values)[0]
    codes, names = texts(values)
    return names[codes]


def _times(columns: Columns, values: object) -> tuple[np.ndarray, np.ndarray]:
    if columns.time_format not in ("mjd", "jd"):
        return _parsed_times(columns, values)
    time, text = numbers(values)
    if len(time) and text.all():
        raise Fault(
            f"{columns.file}: column '{columns.of['time'][0]}'", f"numbers ({columns.time_format.upper()})",
            "its values are text or dates", 'add to [reading]: time_format = "isot" (or iso, fits, unix ...)',
        )  # fmt: skip
    finite = time[np.isfinite(time)]
    if len(finite) and (np.median(finite) > 1e6) != (columns.time_format == "jd"):
        other = "mjd" if columns.time_format == "jd" else "jd"
        raise Fault(
            f"{columns.file}: column '{columns.of['time'][0]}' around {np.median(finite):.1f}",
            f"{columns.time_format.upper()}", f"the values look like {other.upper()}",
            f'add to [reading]: time_format = "{other}"',
        )  # fmt: skip
    return (time - 2400000.5 if columns.time_format == "jd" else time), text


def _parsed_times(columns: Columns, values: object) -> tuple[np.ndarray, np.ndarray]:
    from astropy.time import Time

    codes, names = texts(values)
    try:
        given = names.astype(float) if columns.time_format in Time.FORMATS and _numeric(names) else names
        return Time(given, format=columns.time_format).mjd[codes], np.zeros(len(codes), bool)
    except ValueError as error:
        raise Fault(
            f"{columns.file}: column '{columns.of['time'][0]}'", f'times of the format "{columns.time_format}"',
            str(error).splitlines()[0], "correct time_format in [reading]: mjd, jd, isot, unix ...",
        ) from None  # fmt: skip


def _numeric(names: np.ndarray) -> bool:
    try:
        names.astype(float)
    except ValueError:
        return False
    return True


def _from_magnitudes(columns: Columns, batch: Mapping[str, object]) -> tuple[np.ndarray, ...]:
    """Magnitudes (AB) to flux: f = 10^(0.4 (27.5 - m)), and its error f ln(10) / 2.5 times that of m."""
    mag, mag_text = numbers(batch[columns.of["mag"][0]])
    mag_error, error_text = numbers(batch[columns.of["mag_error"][0]])
    with np.errstate(over="ignore"):
        flux = 10 ** (0.4 * (ZERO_POINT - mag))
    error = flux * mag_error * (0.4 * np.log(10))
    if "sign" in columns.of:
        codes, names = texts(batch[columns.of["sign"][0]])
        flux = flux * np.array([-1.0 if n.lower() in ("f", "false", "0", "-1", "-") else 1.0 for n in names])[codes]
    return flux, error, mag_text, error_text


def _band_codes(columns: Columns, values: object) -> np.ndarray:
    """Codes of bands, -1 where it is missing; a name that is not known is a fault."""
    codes, names = texts(values)
    known = band_names(columns.reading)
    place = np.full(len(names), -1, np.int16)
    for k, name in enumerate(names.tolist()):
        if name == "":
            continue
        ours = columns.reading.bands.get(name, name)
        if ours not in known:
            guess = guess_band(name)
            raise Fault(
                f"{columns.file}: band '{name}'",
                f"a band that is known ({nearest(name, (*columns.reading.bands, *BANDS))})",
                "the survey's own name of a band", f'add to [reading.bands]: "{name}" = "{guess or "r"}"',
            )  # fmt: skip
        place[k] = known.index(ours)
    return place[codes]


def _kept(columns: Columns, batch: Mapping[str, object], n: int) -> np.ndarray:
    kept = np.ones(n, bool)
    for name, wanted in columns.reading.keep.items():
        if name in batch:
            codes, names = texts(batch[name])
            allowed = {_as_text(w) for w in (wanted if isinstance(wanted, (list, tuple)) else [wanted])}
            kept &= np.array([str(v).lower() in allowed for v in names])[codes]
    for name, bits in columns.reading.reject_bits.items():
        if name in batch:
            kept &= (np.nan_to_num(numbers(batch[name])[0]).astype(np.int64) & bits) == 0
    return kept


def _as_text(value: object) -> str:
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).lower()


def _label(columns: Columns, name: str) -> str:
    """Class of a label: as mapped; itself where no mapping is given or it is one of the classes."""
    mapping = columns.reading.labels
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


def _factor(file: str, column: str, unit: str) -> float:
    """Factor from a unit of flux density to AB zero point 27.5."""
    from astropy import units as u

    if unit.lower().replace(" ", "") in ("nmgy", "nanomaggy", "nanomaggies"):
        return 10 ** (0.4 * (ZERO_POINT - 22.5))
    try:
        return float(u.Unit(unit).to(u.AB)) * 10 ** (0.4 * ZERO_POINT)
    except (ValueError, u.UnitConversionError):
        known = ("nJy", "uJy", "mJy", "Jy", "nanomaggy")
        raise Fault(
            f"{file}: flux column '{column}' in '{unit}'", f"a flux density ({nearest(unit, known)})",
            "a misspelt unit, or counts, which need a zero point",
            'add to [reading]: unit = "nJy", or zero_point = 27.5',
        ) from None  # fmt: skip


def _missing(file: str, reading: Reading, units: Mapping[str, str], column: str) -> None:
    asked = [n for n in reading.names_of(column) if n] or [column]
    close = nearest(asked[0], units)
    offered = close.removeprefix("nearest: ").split(",")[0] if close.startswith("nearest") else "..."
    cure = f'add to [reading.columns]: {column} = "{offered}"'
    if column == "id":
        cure += f', or "{FILE_NAME}" where every file holds one object'
    raise Fault(
        f"{file}: no column '{asked[0]}'", f"a column that is the {column} ({close})", "another name for it", cure
    )
