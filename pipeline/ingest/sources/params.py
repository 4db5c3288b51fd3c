"""`ingest.source`: a model for each kind of source, which names the function that reads it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.core.schema import HUB_NAME, Section, Seed


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
    reader: ClassVar[str] = "pipeline.ingest.sources.generated.painter:generated_pictures"

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
    aliases: dict[str, str] = Field(default={})


class FolderSource(Section):
    reader: ClassVar[str] = "pipeline.ingest.sources.folder:folder_pictures"

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

    reader: ClassVar[str] = "pipeline.ingest.sources.table:table_pictures"

    kind: Literal["table"]
    archive: InsideInput | None = None
    file: InsideInput
    root: InsideInput | None = None
    image: str
    split: str | None = None


class TorchvisionSource(Section):
    reader: ClassVar[str] = "pipeline.ingest.sources.torchvision:torchvision_pictures"

    kind: Literal["torchvision"]
    dataset: Literal["MNIST", "KMNIST", "FashionMNIST", "CIFAR10", "CIFAR100"]
    root: InsideInput = "."
    download: bool = False


class HuggingFaceSource(DescribedSource):
    """name, config, revision: of a dataset on the hub; without a name, the folder `root`.

    splits: the dataset's name of a split -> ours; what is not named is left out.
    """

    reader: ClassVar[str] = "pipeline.ingest.sources.huggingface:huggingface_pictures"

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

    reader: ClassVar[str] = "pipeline.ingest.sources.webdataset:webdataset_pictures"

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
