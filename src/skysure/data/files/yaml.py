"""Headers in YAML, as astropy writes them into tables: refused where their aliases repeat too much."""

from __future__ import annotations

from skysure import limits


def check_yaml(text: str, name: str) -> None:
    """Refuse a header whose aliases stand for more values than the limit, or that nests too deep.

    An alias repeats what its anchor holds, aliases among it: ten lines can stand for more values than memory holds.
    What is not valid YAML is left to its reader.

    Raises
    ------
    InputError
    """
    if "*" not in text and "[[" not in text and "{{" not in text:
        return
    import yaml

    try:
        # the loader of astropy's own: what it reads is what is judged
        for size, depth in _sizes(yaml.parse(text, Loader=yaml.SafeLoader)):
            if size > limits.current().yaml_nodes:
                raise limits.exceeded(name, f"{size:,} values in its header", "yaml_nodes", "aliases of aliases")
            if depth > limits.current().nesting:
                raise limits.exceeded(name, "values within values in its header", "nesting", "not a header of a table")
    except yaml.YAMLError:
        return


def _sizes(events):
    """Number of values up to each event of YAML, repetitions included, and the depth there."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    total = 0
    for event in events:
        kind = type(event).__name__
        if kind in ("SequenceStartEvent", "MappingStartEvent"):
            open_nodes.append((event.anchor, total))
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - before + 1
        elif kind == "AliasEvent":
            total += sizes.get(event.anchor, 1)
        elif kind == "ScalarEvent":
            total += 1
        yield total, len(open_nodes)
