"""`params.yaml` as frozen, validated models. `python -m pipeline.params` checks and prints them."""

from __future__ import annotations

import difflib
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.classifiers.params import ClassifierRun
from pipeline.cnns.params import CnnRun
from pipeline.command import run
from pipeline.comparisons.params import Comparison
from pipeline.core.console import takes_all_letters
from pipeline.core.errors import UserError
from pipeline.core.schema import LONGEST, RunName, Strict, in_words, matching, shown
from pipeline.curve.params import Curve
from pipeline.evaluate.params import Evaluate
from pipeline.features.params import Features
from pipeline.ingest.params import Ingest
from pipeline.insight.params import Insight
from pipeline.pca.params import Pca
from pipeline.pixels.params import Pixels
from pipeline.report.params import Report
from pipeline.stacks.params import StackParams
from pipeline.sweeps.params import Sweep

PARAMS_FILE = Path("params.yaml")
# Of the values of the file, which are looked at before the schema is.
MAX_VALUES, MAX_DEPTH = 200_000, 20
MAX_INTEGER = 2**32 - 1  # the largest seed
MAX_LETTERS = 4096  # the longest path


class Params(Strict):
    """The whole file."""

    launcher: Annotated[str, matching(r"^\S", "a command")]
    """What runs the stages `features`, `pca` and `cnn`: `python`, or `torchrun` for several
    processes, GPUs or machines (docs/scaling.md)."""
    ingest: Ingest
    features: Features
    pca: Pca
    pixels: Pixels
    classifiers: Annotated[dict[RunName, ClassifierRun], Field(min_length=1)]
    cnns: dict[RunName, CnnRun]
    stacks: dict[RunName, StackParams]
    sweeps: dict[RunName, Sweep]
    comparisons: dict[RunName, Comparison]
    evaluate: Evaluate
    curve: Curve
    insight: Insight
    report: Report

    @model_validator(mode="after")
    def _runs_exist(self) -> Params:
        for name in self.cnns:
            if name in self.classifiers:
                raise ValueError(f"cnns.{name} has the name of a classifier: give it another")
        for name, stack in self.stacks.items():
            if name in self.classifiers or name in self.cnns:
                raise ValueError(f"stacks.{name} has the name of another run: give it another")
            for member in stack.runs:
                if member not in self.classifiers:
                    raise ValueError(f"stacks.{name}.runs names {member!r}: {self._known()}")
                if self.classifiers[member].folds == "none":
                    raise ValueError(
                        f"stacks.{name}.runs names {member!r}, which has no out-of-fold scores: "
                        f"set classifiers.{member}.folds, such as 5"
                    )
        for name, sweep in self.sweeps.items():
            if sweep.base not in self.classifiers:
                raise ValueError(f"sweeps.{name}.base is {sweep.base!r}: {self._known()}")
            try:
                sweep.settings(self.classifiers[sweep.base])
            except ValueError as error:
                raise ValueError(f"sweeps.{name}.{error}") from None
        for name in self.comparisons:
            if name not in self.classifiers:
                raise ValueError(f"comparisons.{name} is no classifier: {self._known()}")
        if (doubting := self.insight.doubts.run) != "auto":
            if doubting not in self.classifiers:
                raise ValueError(f"insight.doubts.run is {doubting!r}: {self._known()}")
            if self.classifiers[doubting].folds == "none":
                raise ValueError(
                    f"insight.doubts.run is {doubting!r}, which has no out-of-fold scores: set "
                    f"classifiers.{doubting}.folds, such as 5"
                )
        return self

    def _known(self) -> str:
        return f"classifiers has {', '.join(self.classifiers)}"

    @property
    def thresholds(self) -> dict[str, float]:
        """Of every run that is evaluated, in the order of the file, stacks last."""
        return {
            name: run.threshold
            for section in (self.classifiers, self.cnns, self.stacks)
            for name, run in section.items()
        }


Entry = TypeVar("Entry")


def named(section_entries: Mapping[str, Entry], name: str, *, section: str) -> Entry:
    """The entry `name` of a section. Errors: `UserError` with the names there are."""
    if name not in section_entries:
        there = ", ".join(section_entries) or "none"
        raise UserError(f"there is no entry {name!r} in {section}: it has {there}")
    return section_entries[name]


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and validate the file; every mistake is a `UserError` of one line."""
    try:
        with path.open(encoding="utf-8") as file:
            data = YAML(typ="safe").load(file)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run this in the folder that holds it") from None
    except MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        line = f" line {where.line + 1}" if where else ""
        raise UserError(f"{path}{line} is not valid YAML: {error.problem}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    except (YAMLError, ValueError) as error:  # a control character, a 13th month
        raise UserError(f"{path} is not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise UserError(f"{path} has too many lists or sections in each other") from None
    try:
        _check_bounds(data)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    try:
        return Params.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{path}: {_explain(error, data)}") from None


def _check_bounds(data: Any) -> None:
    """Errors: ValueError for more than any parameter can mean.

    What the file names twice counts twice.
    """
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), data)]
    count = 0
    while waiting:
        keys, value = waiting.pop()
        count += 1
        if count > MAX_VALUES:
            raise ValueError(f"holds more than {MAX_VALUES} keys and values: shorten it")
        if fault := _out_of_bounds(value, depth=len(keys)):
            raise ValueError(f"{'.'.join(str(key)[:LONGEST] for key in keys)} {fault}")
        if isinstance(value, dict):
            for key, inner in value.items():
                waiting += [((*keys, key), inner), ((*keys, key), key)]
        elif isinstance(value, list | tuple | set):
            waiting += [((*keys, number), inner) for number, inner in enumerate(value)]


def _out_of_bounds(value: Any, *, depth: int) -> str | None:
    """What is wrong with a key or value, in words."""
    if depth > MAX_DEPTH:
        return f"lies more than {MAX_DEPTH} deep: take it out of some lists or sections"
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return f"is a whole number beyond {MAX_INTEGER}: give a smaller one"
    if isinstance(value, str) and len(value) > MAX_LETTERS:
        return f"is a text of more than {MAX_LETTERS} letters: shorten it"
    if isinstance(value, str) and "\0" in value:
        return "holds the character 0: leave it out"
    return None


def _explain(error: ValidationError, data: Any) -> str:
    """The first mistake as key, value found and what is allowed; the number of the others."""
    details = error.errors(include_url=False)
    # Of "a name or a section" a section was meant, so that it is no name explains nothing.
    meant = [d for d in details if d["type"] != "string_type" or not isinstance(d["input"], dict)]
    details = meant or details
    details.sort(key=lambda d: d["type"] != "extra_forbidden")  # a misspelt key explains a missing
    first = details[0]
    key = _written(first["loc"], data)
    if first["type"] == "extra_forbidden":
        allowed = list(_model_at(Params, first["loc"][:-1]).model_fields)
        close = difflib.get_close_matches(str(first["loc"][-1]), allowed, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        text = f"unknown key {key}: {hint}allowed: {', '.join(allowed)}"
    elif first["type"] == "missing":
        text = f"{first['loc'][-1]} is missing in {key}: add it"
    elif first["type"] == "union_tag_invalid":
        text = (
            f"{key}.kind is {shown(first['ctx']['tag'])}: allowed: {first['ctx']['expected_tags']}"
        )
    elif first["type"] == "union_tag_not_found":
        text = f"{key}.kind is missing: add it"
    else:
        # A union such as "a number or none" reports one mistake a member; they belong together.
        same = [d for d in details if _written(d["loc"], data) == key and d["type"] != "missing"]
        found = "nothing" if first["input"] is None else shown(first["input"])
        value = "" if isinstance(first["input"], dict) else f"found {found}: "
        text = f"{value}{' or '.join(dict.fromkeys(in_words(d) for d in same))}"
        text = f"{key}: {text}" if first["loc"] or not isinstance(data, dict) else text
    others = len({(_written(d["loc"], data), d["type"] == "missing" and d["loc"]) for d in details})
    return text + (f" (and {others - 1} more)" if others > 1 else "")


def _written(loc: tuple[int | str, ...], data: Any) -> str:
    """The keys of `loc` that stand in the file: pydantic puts names of union members between."""
    written: list[str] = []
    for part in loc:
        items = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(items, dict) and part in items:
            data = items[part]
            written.append(str(part)[:LONGEST])
    return ".".join(written) or "the file"


def _model_at(annotation: Any, loc: tuple[int | str, ...]) -> type[Strict]:
    """The model that validates what lies at `loc`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is dict and loc:
        return _model_at(get_args(annotation)[1], loc[1:])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [m for m in get_args(annotation) if hasattr(m, "model_fields")]
        for member in members:
            if loc and loc[0] in (member.__name__, *kinds(member)):
                return _model_at(member, loc[1:])
        return _model_at(members[0], loc)
    if loc:
        return _model_at(annotation.model_fields[loc[0]].annotation, loc[1:])
    return annotation  # type: ignore[no-any-return]


def kinds(model: type[Strict]) -> tuple[str, ...]:
    """What `kind` may be in a model that has one."""
    return get_args(model.model_fields["kind"].annotation) if "kind" in model.model_fields else ()


def main() -> None:
    """Check the file named as the only argument (default: params.yaml) and print what it says."""
    params = load_params(Path(sys.argv[1]) if len(sys.argv) > 1 else PARAMS_FILE)
    writer = YAML()
    writer.allow_unicode = takes_all_letters()
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.dump(params.model_dump(mode="json", exclude_none=True), sys.stdout)


if __name__ == "__main__":
    run(main)
