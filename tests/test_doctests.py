"""The examples in docstrings run, and give what they say."""

import doctest
import importlib
import pkgutil

import pytest

import skysure

MODULES = sorted(m.name for m in pkgutil.walk_packages(skysure.__path__, "skysure.") if not m.name.endswith("__main__"))
EXAMPLES = [
    pytest.param(example, id=example.name.removeprefix("skysure."))
    for name in MODULES
    for example in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name), name)
    if example.examples
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_docstring(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(example, out=output.append).failed == 0, "".join(output)


def test_there_are_examples():
    assert len(EXAMPLES) > 50
