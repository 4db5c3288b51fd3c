"""`params.yaml` as frozen, validated models. `python -m pipeline.params` checks and prints them."""

from __future__ import annotations

import difflib
import re
import sys
import types
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.console import run
from pipeline.errors import UserError

PARAMS_FILE = Path("params.yaml")

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Auto = Literal["auto"]
OffOr = Literal["none"]  # `none` in the file switches a knob off
DEVICE, COMMAND = r"^(auto|cpu|cuda(:\d+)?)$", r"^\S"
RUN_NAME, HUB_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$", r"^\w[\w.-]*(/\w[\w.-]*)?$"
PATTERNS = {  # in words
    DEVICE: "auto, cpu, cuda or cuda:NUMBER",
    COMMAND: "a command",
    RUN_NAME: "a name of letters A to Z, digits, - and _",
    HUB_NAME: "NAME or OWNER/NAME",
}
Device = Annotated[str, Field(pattern=DEVICE)]
RunName = Annotated[str, Field(pattern=RUN_NAME)]


def _inside(path: str) -> str:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise ValueError("must be relative and stay inside ingest.input")
    return path


InsideInput = Annotated[str, AfterValidator(_inside)]


def _expression(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"is not a regular expression ({error})") from None
    if groups != 1:
        raise ValueError(f"must have exactly one group, the artist; found {groups}")
    return pattern


class Section(BaseModel):
    """Every model here: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# ---------------------------------------------------------------- ingest


SplitName = Literal["train", "validation", "test"]


def _columns(names: Any) -> Any:
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, list | tuple) or not listed:
        raise ValueError("must be the name of a column, or a list of names")
    return tuple(listed)


def _shards(patterns: Any) -> Any:
    return {"all": patterns} if isinstance(patterns, str) else patterns


Columns = Annotated[tuple[str, ...], BeforeValidator(_columns)]
Shards = Annotated[
    dict[SplitName | Literal["all"], InsideInput], Field(min_length=1), BeforeValidator(_shards)
]


class GeneratedSource(Section):
    kind: Literal["generated"]
    pictures: Annotated[int, Field(ge=16, le=1_000_000)]
    size: Annotated[int, Field(ge=32, le=1024)]
    painters: Annotated[int, Field(ge=8)]
    seed: Seed

    @model_validator(mode="after")
    def _enough(self) -> GeneratedSource:
        if self.pictures < 2 * self.painters:
            raise ValueError(f"pictures must be at least 2 * painters = {2 * self.painters}")
        return self


class LabelTable(Section):
    table: InsideInput
    key: str
    column: str
    separator: Annotated[str, Field(min_length=1)] = ","
    aliases: dict[str, str] = {}


class FolderSource(Section):
    kind: Literal["folder"]
    archive: InsideInput | None = None
    root: InsideInput = "."
    artist: Annotated[str, AfterValidator(_expression)] | None = None
    labels: LabelTable | None = None


class DescribedSource(Section):
    """Each picture has a row: columns with its labels and, maybe, its artist."""

    labels: Columns
    separator: Annotated[str, Field(min_length=1)] | None = None
    artist: str | None = None


class TableSource(DescribedSource):
    """root: what the paths in the column `image` are relative to, by default the file's folder."""

    kind: Literal["table"]
    archive: InsideInput | None = None
    file: InsideInput
    root: InsideInput | None = None
    image: str
    split: str | None = None


class TorchvisionSource(Section):
    kind: Literal["torchvision"]
    dataset: Literal["MNIST", "KMNIST", "FashionMNIST", "CIFAR10", "CIFAR100"]
    root: InsideInput = "."
    download: bool = False


class HuggingFaceSource(DescribedSource):
    """name, config, revision: of a dataset on the hub; without a name, the folder `root`.

    splits: the dataset's name of a split -> ours; what is not named is left out.
    """

    kind: Literal["huggingface"]
    name: Annotated[str, Field(pattern=HUB_NAME)] | None = None
    config: str | None = None
    revision: str | None = None
    root: InsideInput = "."
    image: str
    splits: Annotated[dict[str, SplitName], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_place(self) -> HuggingFaceSource:
        if self.name is None and self.revision is not None:
            raise ValueError("revision is of a dataset on the hub: give its name too")
        if self.name is not None and self.root != ".":
            raise ValueError("name is a dataset on the hub, root a local folder: give one")
        return self


class WebDatasetSource(DescribedSource):
    """shards: a pattern of the tars' names, or a split -> its pattern."""

    kind: Literal["webdataset"]
    shards: Shards


Source = (
    GeneratedSource
    | FolderSource
    | TableSource
    | TorchvisionSource
    | HuggingFaceSource
    | WebDatasetSource
)


class Select(Section):
    classes: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | Literal["all"]
    least_per_class: PositiveInt | OffOr
    per_class: PositiveInt | OffOr
    balance: bool
    sample: PositiveInt | OffOr
    shortest_side: PositiveInt | OffOr
    seed: Seed


class Split(Section):
    by: Literal["picture", "artist", "given"]
    validation: Fraction
    test: Fraction
    seed: Seed

    @model_validator(mode="after")
    def _leaves_training(self) -> Split:
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must be below 1, so that training pictures remain")
        return self


class Audit(Section):
    near_duplicates: Annotated[int, Field(ge=0, le=12)] | OffOr
    leakage: Literal["list", "error"]

    @model_validator(mode="after")
    def _leaks_are_sought(self) -> Audit:
        if self.leakage == "error" and self.near_duplicates == "none":
            raise ValueError("leakage: error needs near_duplicates, such as 4")
        return self


class Ingest(Section):
    input: str
    source: Annotated[Source, Field(discriminator="kind")]
    max_megapixels: Annotated[float, Field(gt=0, le=178)]  # Pillow refuses more
    select: Select
    split: Split
    audit: Audit


# ---------------------------------------------------------------- weights, features, pca


class Features(Section):
    backbone: str
    weights: str
    seed: Seed
    layer: Literal["spatial", "pooled"]
    resize: Literal["squash", "crop"]
    scaled_decoding: bool
    precision: Literal["auto", "float32", "bfloat16"]
    decoder: Literal["cpu", "cuda"]
    compile: bool | Auto
    batch_size: PositiveInt | Auto
    device: Device


class Pca(Section):
    components: PositiveInt | OffOr
    whiten: bool
    sample: Annotated[int, Field(ge=2)] | OffOr
    seed: Seed


# ---------------------------------------------------------------- pixels


class Pixels(Section):
    size: Annotated[int, Field(ge=8, le=512)]
    colour: Literal["rgb", "grey"]


# ---------------------------------------------------------------- classifiers

Sizes = Annotated[tuple[PositiveInt, ...], Field(strict=False)]  # YAML has lists only
Init = Literal["normal", "xavier", "he"]
Folds = Annotated[int, Field(ge=2, le=100)]


class Run(Section):
    """What every run has, whatever its kind."""

    kind: str
    input: Literal["components", "features", "pixels"]
    normalize: Literal["zscore", "minmax"] | OffOr
    folds: Folds | OffOr
    threshold: Probability
    repeats: Annotated[int, Field(ge=1, le=1000)]
    seed: Seed


class NetworkRun(Run):
    hidden: Sizes
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rate: PositiveFloat
    batch_size: PositiveInt
    epochs: PositiveInt
    clip: PositiveFloat | OffOr
    patience: PositiveInt | OffOr


class SnnRun(NetworkRun):
    kind: Literal["snn"]


class AdamRun(NetworkRun):
    kind: Literal["adam"]


class BoostedRun(NetworkRun):
    kind: Literal["boosted"]
    rule: Literal["residual_average", "newton", "bagging"]
    members: PositiveInt
    tolerance: PositiveFloat
    shrinkage: Annotated[float, Field(gt=0, le=1)]
    init: Init


class TunedRun(NetworkRun):
    """A network with every option of its training."""

    init: Init
    batch_norm: bool
    optimizer: Literal["sgd", "adam"]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    schedule: Literal["constant", "step", "exponential"]
    decay: Annotated[float, Field(gt=0, le=1)]
    decay_epochs: PositiveInt


class MlpRun(TunedRun):
    kind: Literal["mlp"]


class ConvnetRun(TunedRun):
    kind: Literal["convnet"]
    input: Literal["pixels"]
    filters: Annotated[Sizes, Field(min_length=1)]
    pooling: Literal["max", "average"]


class DistanceRun(Run):
    distance: Literal["manhattan", "mse", "cosine", "ssim"]

    @model_validator(mode="after")
    def _pictures(self) -> DistanceRun:
        if self.distance == "ssim" and self.input != "pixels":
            raise ValueError("distance ssim compares pictures: set input: pixels")
        return self


class KnnRun(DistanceRun):
    kind: Literal["knn"]
    n_neighbors: PositiveInt


class CentroidRun(DistanceRun):
    kind: Literal["nearest_centroid"]


class LogisticRun(Run):
    kind: Literal["logistic"]
    C: PositiveFloat


ClassifierRun = Annotated[
    SnnRun | AdamRun | BoostedRun | MlpRun | ConvnetRun | KnnRun | CentroidRun | LogisticRun,
    Field(discriminator="kind"),
]
# ---------------------------------------------------------------- cnns

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ScheduleSection(Section):
    """warmup: epochs in which the rate rises from 0."""

    warmup: NotNegative = 0.0


class ConstantSchedule(ScheduleSection):
    kind: Literal["constant"]


class StepsSchedule(ScheduleSection):
    """at: the first epoch of a rate, counted from 0 -> the rate."""

    kind: Literal["steps"]
    at: Annotated[dict[Annotated[int, Field(ge=1)], PositiveFloat], Field(min_length=1)]


class ExponentialSchedule(ScheduleSection):
    kind: Literal["exponential"]
    factor: Annotated[float, Field(gt=0, lt=1)]
    after: Annotated[int, Field(ge=0)] = 0


class CosineSchedule(ScheduleSection):
    kind: Literal["cosine"]


class OneCycleSchedule(ScheduleSection):
    kind: Literal["one_cycle"]
    rise: Fraction = 0.25


Schedule = (
    ConstantSchedule | StepsSchedule | ExponentialSchedule | CosineSchedule | OneCycleSchedule
)


class Augment(Section):
    """Random changes of the training pictures; what is not named does not happen."""

    flip: bool = False
    crop: Annotated[int, Field(ge=0)] = 0
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    resized_crop: Annotated[float, Field(ge=0, le=1)] = 0.0
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    pca_colour: NotNegative = 0.0
    mixup: NotNegative = 0.0
    cutmix: NotNegative = 0.0


class Finetune(Section):
    """A second part of a transfer, in which the last `layers` of the trunk train too."""

    layers: PositiveInt
    epochs: PositiveInt
    learning_rate: PositiveFloat


class Transfer(Section):
    """A frozen trunk of timm's with a new head; size: side of its input, its own where none."""

    backbone: str
    weights: str
    size: Annotated[int, Field(ge=32)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    finetune: Finetune | None = None


class CnnRun(Section):
    """A network on pixels, trained end to end, or a pretrained one with a new head."""

    architecture: str | Transfer
    optimizer: Literal["sgd", "adam", "adamw"]
    learning_rate: PositiveFloat
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = True
    weight_decay: NotNegative
    schedule: Annotated[Schedule, Field(discriminator="kind")]
    batch_size: PositiveInt
    epochs: PositiveInt
    augment: Augment
    standardize: Literal["set", "picture"]
    balance: Literal["weights", "sampling"] | OffOr
    output_bias: Literal["zero", "frequencies"] = "zero"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    ema: Annotated[float, Field(gt=0, lt=1)] | OffOr
    patience: PositiveInt | OffOr
    precision: Literal["auto", "float32", "bfloat16"]
    compile: bool = False
    device: Device
    threshold: Probability
    explain: Annotated[int, Field(ge=0, le=96)] = 4
    repeats: Annotated[int, Field(ge=1, le=1000)]
    seed: Seed


class Stack(Section):
    """A logistic regression of the scores of classifiers, fitted to those out of fold."""

    runs: Annotated[tuple[RunName, ...], Field(strict=False, min_length=2)]
    C: PositiveFloat
    threshold: Probability


class Sweep(Section):
    """The run `base` with each combination of the values in `vary`."""

    base: RunName
    vary: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]

    def settings(self, base: Run) -> list[tuple[dict[str, Any], Run]]:
        """Every combination and the run it makes of `base`. Errors: ValueError."""
        model = type(base)
        fixed = ("kind", "input", "folds", "threshold", "seed")  # a sweep has its own, or none
        allowed = [name for name in model.model_fields if name not in fixed]
        if unknown := [key for key in self.vary if key not in allowed]:
            raise ValueError(f"vary.{unknown[0]}: a {base.kind} run has {', '.join(allowed)}")
        combinations = (
            dict(zip(self.vary, values, strict=True)) for values in product(*self.vary.values())
        )
        runs = []
        for setting in combinations:
            try:
                runs.append((setting, model.model_validate({**base.model_dump(), **setting})))
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                found = f"found {first['input']!r}: " if first["loc"] else ""
                key = ".".join(map(str, ("vary", *first["loc"])))
                raise ValueError(f"{key}: {found}{_allowed(first)}") from None
        return runs


class Comparison(Section):
    """The run of this name under both splits, by picture and by artist, drawn `draws` times."""

    draws: Annotated[int, Field(ge=2, le=1000)]
    seed: Seed


# ---------------------------------------------------------------- evaluate, report


class Evaluate(Section):
    bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    seed: Seed


class Report(Section):
    samples: Annotated[int, Field(ge=0, le=96)]
    mistakes: Annotated[int, Field(ge=0, le=96)]


class Params(Section):
    """The whole file."""

    launcher: Annotated[str, Field(pattern=COMMAND)]
    ingest: Ingest
    features: Features
    pca: Pca
    pixels: Pixels
    classifiers: Annotated[dict[RunName, ClassifierRun], Field(min_length=1)]
    cnns: dict[RunName, CnnRun]
    stacks: dict[RunName, Stack]
    sweeps: dict[RunName, Sweep]
    comparisons: dict[RunName, Comparison]
    evaluate: Evaluate
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


# ---------------------------------------------------------------- reading

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
    try:
        return Params.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{path}: {_explain(error, data)}") from None


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
        text = f"{key}.kind is {first['ctx']['tag']!r}: allowed: {first['ctx']['expected_tags']}"
    elif first["type"] == "union_tag_not_found":
        text = f"{key}.kind is missing: add it"
    else:
        # A union such as "a number or none" reports one mistake a member; they belong together.
        same = [d for d in details if _written(d["loc"], data) == key and d["type"] != "missing"]
        found = "nothing" if first["input"] is None else repr(first["input"])
        value = "" if isinstance(first["input"], dict) else f"found {found}: "
        text = f"{value}{' or '.join(dict.fromkeys(_allowed(d) for d in same))}"
        text = f"{key}: {text}" if first["loc"] or not isinstance(data, dict) else text
    others = len({(_written(d["loc"], data), d["type"] == "missing" and d["loc"]) for d in details})
    return text + (f" (and {others - 1} more)" if others > 1 else "")


def _allowed(mistake: ErrorDetails) -> str:
    """What could stand there, in the words of YAML."""
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"should be {PATTERNS[context['pattern']]}"
    if kind == "too_short":
        return f"should have {context['min_length']} or more, not {context['actual_length']}"
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return "should be keys with values, as in {kind: cosine}, or {} for none"
    text = mistake["msg"].removeprefix("Value error, ").removeprefix("Input ")
    text = text.replace("a valid tuple", "a list")
    return text[0].lower() + text[1:]


def _written(loc: tuple[int | str, ...], data: Any) -> str:
    """The keys of `loc` that stand in the file: pydantic puts names of union members between."""
    written: list[str] = []
    for part in loc:
        items = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(items, dict) and part in items:
            data = items[part]
            written.append(str(part))
    return ".".join(written) or "the file"


def _model_at(annotation: Any, loc: tuple[int | str, ...]) -> type[Section]:
    """The model that validates what lies at `loc`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is dict and loc:
        return _model_at(get_args(annotation)[1], loc[1:])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [m for m in get_args(annotation) if hasattr(m, "model_fields")]
        for member in members:
            if loc and loc[0] in (member.__name__, *_kinds(member)):
                return _model_at(member, loc[1:])
        return _model_at(members[0], loc)
    if loc:
        return _model_at(annotation.model_fields[loc[0]].annotation, loc[1:])
    return annotation  # type: ignore[no-any-return]


def _kinds(model: type[Section]) -> tuple[str, ...]:
    return get_args(model.model_fields["kind"].annotation) if "kind" in model.model_fields else ()


def main() -> None:
    """Check the file named as the only argument (default: params.yaml) and print what it says."""
    params = load_params(Path(sys.argv[1]) if len(sys.argv) > 1 else PARAMS_FILE)
    writer = YAML()
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.dump(params.model_dump(mode="json", exclude_none=True), sys.stdout)


if __name__ == "__main__":
    run(main)
