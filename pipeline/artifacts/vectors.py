"""`data/vectors`, `data/features`: vectors of pictures, known by their image_ids.

The first are what the backbone gave, kept while they hold; the second are the layers of them that
the classifiers see, put together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.artifacts.images import IMAGES
from pipeline.core.checked import CheckedFile, read_schema
from pipeline.core.digests import json_digest
from pipeline.core.errors import UserError
from pipeline.core.files import readable
from pipeline.core.parquet import Shards, metadata, shard_ids, with_metadata, write_shard

VECTORS = Path("data/vectors")
FEATURES = Path("data/features")
FLOAT16 = np.dtype("<f2")
F = TypeVar("F", np.float16, np.float32)


@dataclass(frozen=True)
class VectorStore:
    """Shards of float16 vectors in `folder`, each of the pictures of one shard of data/images.

    A vector is stored as the bytes of its values, little-endian: as lists of 100,352 values they
    are read four times slower. lz4 is read twice as fast as zstd and takes 1.4 times the room; a
    PCA reads everything several times.
    A shard's name follows from the image_ids in it: it stays right, and is kept, when labels,
    splits or other pictures change. Its metadata say what else its vectors depend on.
    """

    folder: Path
    schema: pa.Schema

    @classmethod
    def of(cls, provenance: dict[str, Any], folder: Path) -> VectorStore:
        """For vectors that `provenance` decides; its `widths` name their layers."""
        dimension = sum(width for _, width in provenance["widths"])
        columns = [IMAGES.field("image_id"), ("features", pa.binary(2 * dimension))]
        return cls(folder, with_metadata(pa.schema(columns), **provenance))

    @classmethod
    def open(cls, folder: Path = FEATURES) -> VectorStore:
        """What lies in `folder`. Errors: `UserError` as `Shards`."""
        return cls(folder, Shards(folder).schema)

    @classmethod
    def found(cls, wanted: dict[str, Any], folder: Path) -> VectorStore | None:
        """The store of vectors with all of `wanted` in their provenance, if some are there; of
        several the one with the most shards."""
        wanted = _provenance(with_metadata(pa.schema([]), **wanted))
        shards: Counter[str] = Counter()
        for path in sorted(folder.glob("part-*.parquet")):
            with suppress(OSError, ValueError, KeyError):
                stored = _provenance(read_schema(path))
                if stored.items() >= wanted.items():
                    shards[json.dumps(stored)] += 1
        return cls.of(json.loads(shards.most_common(1)[0][0]), folder) if shards else None

    @property
    def provenance(self) -> dict[str, Any]:
        """All that decides the vectors: of which weights, layer and preparation."""
        return _provenance(self.schema)

    @property
    def widths(self) -> dict[str, int]:
        """Name of a layer -> its share of D, in order."""
        return dict(self.provenance["widths"])

    @property
    def dimension(self) -> int:
        """Features per picture, D."""
        return int(self.schema.field("features").type.byte_width) // 2

    def path(self, image_ids: Sequence[str]) -> Path:
        """Where the vectors of these pictures, in this order, are or will be."""
        return self.folder / f"part-{json_digest(list(image_ids))}.parquet"

    def holds(self, name: str) -> bool:
        """Whether a shard of this name is there, of this provenance, as far as its footer says."""
        path = self.folder / name
        with suppress(OSError, ValueError):
            return self._is(read_schema(path))
        return False

    def damaged(self, name: str) -> bool:
        """Whether a shard of this name is there and not as it was written."""
        try:
            with CheckedFile(self.folder / name) as file:
                file.check()
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            return True
        return False

    def write(self, image_ids: Sequence[str], vectors: NDArray[np.float16], *, mode: str) -> None:
        """Write one shard, whole or not at all. mode: how it was computed, in words."""
        length, kind = len(vectors), self.schema.field("features").type
        values = pa.py_buffer(np.ascontiguousarray(vectors, FLOAT16))
        column = pa.FixedSizeBinaryArray.from_buffers(kind, length, [None, values])
        columns = [pa.array(image_ids, pa.string()), column]
        schema = with_metadata(self.schema, mode=mode, **self.provenance)
        rows = pa.RecordBatch.from_arrays(columns, schema=schema)
        write_shard(self.path(image_ids), schema, [rows], compression="lz4")

    def read(self, image_ids: Sequence[str]) -> NDArray[np.float16]:
        """(N, D). Errors: `UserError` when they are missing, damaged, or of another provenance."""
        path = self.path(image_ids)
        with readable(path), CheckedFile(path) as file:
            found = file.schema
            if not self._is(found):
                raise UserError(
                    f"{path} comes from another run ({found.field('features').type}, "
                    f"{metadata(found)}): delete it and run `dvc repro`"
                )
            column = file.read(["features"])["features"].combine_chunks()
        values = np.frombuffer(column.buffers()[1], FLOAT16).reshape(-1, self.dimension)
        return values[column.offset : column.offset + len(column)]

    def rows(self, pictures: Shards, rows: NDArray[np.int64], dtype: type[F]) -> NDArray[F]:
        """(N, D) of the pictures at these positions among all, shards of none of them unread.

        Errors: `UserError` as `read`.
        """
        found = np.empty((len(rows), self.dimension), dtype)
        start = 0
        for path in pictures.paths:
            ids = shard_ids(path)
            there = np.flatnonzero((rows >= start) & (rows < start + len(ids)))
            if len(there):
                found[there] = self.read(ids)[rows[there] - start]
            start += len(ids)
        return found

    def others(self, names: set[str]) -> Iterator[Path]:
        """The files of other names, an interrupted writer's among them."""
        if self.folder.exists():
            yield from (path for path in self.folder.iterdir() if path.name not in names)

    def known(self, path: Path) -> list[str]:
        """The image_ids whose vectors, of this provenance, lie in a shard of this store."""
        if path.suffix != ".parquet" or self.damaged(path.name) or not self.holds(path.name):
            return []
        ids = shard_ids(path)
        return ids if self.path(ids) == path else []  # a copy under another name

    def _is(self, schema: pa.Schema) -> bool:
        return schema.equals(self.schema) and _provenance(schema) == self.provenance


def places(widths: Mapping[str, int]) -> Iterator[tuple[str, slice]]:
    """Each layer with its columns."""
    start = 0
    for name, width in widths.items():
        yield name, slice(start, start + width)
        start += width


def columns_of(layers: Sequence[str], widths: Mapping[str, int]) -> NDArray[np.intp]:
    """The columns of these layers. Errors: `UserError` for one that is not there."""
    if unknown := [name for name in layers if name not in widths]:
        raise UserError(
            f"layers names {unknown[0]!r}: {FEATURES} has {', '.join(widths)} (features.layers)"
        )
    columns = np.arange(sum(widths.values()))
    return np.concatenate([columns[place] for name, place in places(widths) if name in layers])


def _provenance(schema: pa.Schema) -> dict[str, Any]:
    stored = metadata(schema)
    stored.pop("mode", None)
    return stored
