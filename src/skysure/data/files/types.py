"""Arrow types of columns: brought to the few that are read, or named as what cannot be read."""

from __future__ import annotations

import uuid

import pyarrow as pa
import pyarrow.compute as pc


class Unreadable(pa.ExtensionType):
    """Type of a column that holds neither numbers, text, dates nor lists of these; all that is known of it is a name.

    Parameters
    ----------
    kind : str
        What the file calls it, such as "complex128".
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(pa.null(), "skysure.unreadable")

    def __arrow_ext_serialize__(self) -> bytes:
        return self.kind.encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> Unreadable:
        return cls(serialized.decode())

    def __str__(self) -> str:
        return self.kind


def unreadable(kind: str, length: int) -> pa.Array:
    """Make a column of that many values of which none can be read."""
    return pa.ExtensionArray.from_storage(Unreadable(kind), pa.nulls(length))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that a column of a type is read as: numbers, text, dates, lists and structs.

    What is in lists and structs stays as it is.

    >>> plain_type(pa.dictionary(pa.int8(), pa.large_string())), plain_type(pa.binary(4)), str(plain_type(pa.binary()))
    (DataType(large_string), DataType(string), 'string')
    >>> str(plain_type(pa.map_(pa.string(), pa.int8())))
    'map<string, int8>'
    """
    if isinstance(kind, Unreadable):
        return kind
    if _is_uuid(kind) or _is_text(kind):
        return pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return pa.large_list(kind.value_type)
    if is_list(kind) or pa.types.is_struct(kind) or is_plain_scalar(kind):
        return kind
    return Unreadable(str(kind))


def plain_array(values: pa.Array) -> pa.Array:
    """Convert a column to its plain type.

    Raises
    ------
    pyarrow.ArrowException
        Where bytes are not the text that they stand for.
    """
    kind = plain_type(values.type)
    if kind.equals(values.type):
        return values
    if isinstance(kind, Unreadable):
        return unreadable(kind.kind, len(values))
    if _is_uuid(values.type):
        return pa.array([_uuid_text(v) for v in values.storage.to_pylist()], pa.string())
    if isinstance(values.type, pa.BaseExtensionType):
        return plain_array(values.storage)
    if pa.types.is_dictionary(values.type):
        return plain_array(values.dictionary_decode())
    if pa.types.is_run_end_encoded(values.type):
        return plain_array(pc.run_end_decode(values))
    if pa.types.is_fixed_size_binary(values.type):
        values = values.cast(pa.binary())
    try:
        return values.cast(kind)
    except pa.ArrowInvalid:
        raise pa.ArrowInvalid("bytes that are not UTF-8") from None


def is_plain_scalar(kind: pa.DataType) -> bool:
    """Whether a column of a plain type has one value a row that can be read as a number or a text."""
    t = pa.types
    return (
        t.is_integer(kind) or t.is_floating(kind) or t.is_decimal(kind) or t.is_boolean(kind) or t.is_null(kind)
        or t.is_string(kind) or t.is_large_string(kind)
        or t.is_date(kind) or t.is_time(kind) or t.is_timestamp(kind)
    )  # fmt: skip


def is_list(kind: pa.DataType) -> bool:
    """Whether a column holds lists."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _is_text(kind: pa.DataType) -> bool:
    """Whether a type holds text in another form than Arrow's usual ones."""
    t = pa.types
    return (
        t.is_string_view(kind)
        or t.is_binary_view(kind)
        or t.is_binary(kind)
        or t.is_large_binary(kind)
        or (t.is_fixed_size_binary(kind))
    )


def _is_uuid(kind: pa.DataType) -> bool:
    return getattr(kind, "extension_name", "") == "arrow.uuid"


def _uuid_text(value: bytes | None) -> str | None:
    return None if value is None else str(uuid.UUID(bytes=value))
