"""What no check foresaw: a message that asks for a report, not a traceback; the traceback for developers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from skysure import verbs
from skysure.cli.boundary import unforeseen
from skysure.data.files.damage import file_errors
from skysure.errors import InputError


def raise_from(error: BaseException) -> Callable[..., None]:
    def inspect(*_: object, **__: object) -> None:
        raise error

    return inspect


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("band"), ("KeyError: 'band'", "report")),
        (RecursionError("maximum recursion depth exceeded"), ("RecursionError", "report")),
        (MemoryError(), ("memory ran out",)),
        (OSError(28, "No space left on device", "o.csv"), ("o.csv: No space left on device",)),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), ("UnicodeDecodeError", "report")),
        (ValueError("x" * 100_000), ("ValueError: xxx", "report")),
    ],
)
def test_errors_that_no_check_foresaw(
    say: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, error: Exception, words: tuple[str, ...]
) -> None:
    error.add_note("reading night.csv")
    monkeypatch.setattr(verbs, "inspect", raise_from(error))
    status, out, err = say("inspect", "night.csv")
    assert (status, out) == (1, "")
    assert err.startswith("Problem:  reading night.csv: ")
    assert "Traceback" not in err
    assert len(err) < 2000
    assert all(word in err for word in words)


def test_developers_see_the_traceback(
    say: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYSURE_TRACEBACK", "1")
    monkeypatch.setattr(verbs, "inspect", raise_from(KeyError("band")))
    with pytest.raises(KeyError):
        say("inspect", "night.csv")


def test_the_line_of_skysure_is_named() -> None:
    with pytest.raises(TypeError) as error:
        InputError()  # type: ignore[call-arg]
    assert "line" not in unforeseen(error.value).cause
    with pytest.raises(InputError) as error, file_errors(3):  # type: ignore[arg-type]
        raise ZeroDivisionError
    assert "(data/files/damage.py, line" in unforeseen(error.value).cause


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), MemoryError(), ValueError("no digits"), EOFError()])
def test_every_error_while_a_file_is_read_names_the_file_and_is_chained(error: Exception) -> None:
    with pytest.raises(InputError, match=r"night\.csv") as raised, file_errors("night.csv"):
        raise error
    assert raised.value.__cause__ is error


def test_a_file_name_that_is_no_text(
    say: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"a,{59000 + k},g,{k + 1},1\n" for k in range(4))
    (tmp_path / "n\udcff.csv").write_text("id,mjd,band,flux,flux_error\n" + rows)
    status, out, _ = say("inspect", tmp_path, "--zero-point", "27.5")
    assert status == 0
    assert "n\\xff.csv" in out
