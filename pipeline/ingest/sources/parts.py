"""The parts of a split by the names that they have: folders above the classes, cells of a table,
splits of a set.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from pipeline.core.errors import UserError
from pipeline.core.schema import Auto
from pipeline.ingest.sources.params import SplitName

SPLIT_NAMES: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation", "holdout"), "test"),
}


def part_of(name: str) -> SplitName | None:
    """The part that one word of the name is for, whatever its case and the other words.

    So `Training`, `seg_train`, `training_set`, `trainImages` and `train2017` are "train";
    `trainval` and `train_val` are none, nor is `constrained`.
    """
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    found = {SPLIT_NAMES[word.lower()] for word in words if word.lower() in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else None


def parts_of(
    names: Collection[str], given: Mapping[str, SplitName] | Auto, *, where: str, what: str
) -> dict[str, SplitName]:
    """The part of each name: as `given`, where those that are not named are left out, or found.

    what: "folder" or whatever has these names. Errors: `UserError` for a given name that is not
    there, one that says nothing, two that say the same.
    """
    if given != "auto":
        if absent := sorted(set(given) - set(names)):
            raise UserError(
                f"{where} has no {what} {absent[0]!r}, which source.splits names; it has: "
                f"{', '.join(sorted(names))}"
            )
        return dict(given)
    found = {name: part for name in sorted(names) if (part := part_of(name)) is not None}
    if strange := sorted(set(names) - set(found)):
        raise UserError(
            f"{where} has the {what} {strange[0]!r}, which is no part of a split by its name: "
            f"{line(found or {strange[0]: 'train'})}"
        )
    for name, part in found.items():
        same = (n for n in found if found[n] == part and n.lower() != name.lower())
        if other := next(same, None):
            raise UserError(
                f"{where} has the {what}s {name!r} and {other!r}, both for {part} by their names: "
                f"{line(found)}"
            )
    return found


def spoken(parts: Mapping[str, SplitName]) -> Iterator[str]:
    """What the summary says, where a name is not that of its part."""
    if any(name.lower() not in (part, "val") for name, part in parts.items()):
        yield "parts of the split: " + ", ".join(f"{n} is {part}" for n, part in parts.items())


def guessed(names: Collection[str]) -> dict[str, SplitName]:
    """What an example says of names that say little: some of them are in other languages."""
    rest: SplitName = "train"
    signs: tuple[tuple[str, SplitName], ...] = (("test", "test"), ("val", "validation"))
    found = {n: next((part for sign, part in signs if sign in n.lower()), rest) for n in names}
    if set(found.values()) == {"train"}:
        found[list(found)[-1]] = "test"
    return found


def line(parts: Mapping[str, SplitName]) -> str:
    """What to write where the names do not say it."""
    listed = ", ".join(f"{_yaml(name)}: {part}" for name, part in parts.items())
    return f"write `source.splits: {{{listed}}}`, which leaves out what it does not name"


def _yaml(name: str) -> str:
    """A key in YAML's flow style, in quotes where it needs them."""
    plain = re.fullmatch(r"[^\W\d][\w .-]*", name) and name.lower() not in YAML_WORDS
    return name if plain else "'" + name.replace("'", "''") + "'"


YAML_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
