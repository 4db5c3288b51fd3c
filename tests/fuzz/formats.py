"""The kinds of files: valid ones, checksums that damage would otherwise be stopped by, readers."""

import io
import json
import re
import struct
import tarfile
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import safetensors.torch
import torch
from PIL import Image

from pipeline.backbones.checkpoints import read_checkpoint
from pipeline.cnns.checkpoints import Checkpoint
from pipeline.compute.pictures import decode_rgb, examine, is_plain_jpeg
from pipeline.core.checksums import checksum, file_checksum
from pipeline.core.errors import UserError
from pipeline.core.files import CHECKSUM, read_json, write_checked_json
from pipeline.core.parquet import Shards, to_column, vector_type, with_metadata, write_shards
from pipeline.core.tensors import TENSORS, loading_model, save_model
from pipeline.ingest.sources.archives import open_tree
from pipeline.ingest.sources.folder import folder_pictures
from pipeline.ingest.sources.labels import read_labels
from pipeline.ingest.sources.params import FolderSource, LabelTable, TableSource, WebDatasetSource
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.sources.table import table_pictures
from pipeline.ingest.sources.tabular import open_table
from pipeline.ingest.sources.tree import FolderTree
from pipeline.ingest.sources.webdataset import webdataset_pictures
from pipeline.params import load_params

ROOT = Path(__file__).parents[2]
NAME = "part-00000"
MAX_PIXELS = 4_000_000  # so that no picture needs much memory

File = tuple[str, bytes]  # ending, content


@dataclass(frozen=True)
class Format:
    """valid: into an empty folder -> valid files; readers: each is called with a file that lies
    in a folder of its own as NAME; sealed: the content with the checksums that fit it.
    """

    valid: Callable[[Path], list[File]]
    readers: tuple[Callable[[Path], object], ...]
    sealed: Callable[[bytes], bytes] = bytes


# ---------------------------------------------------------------- pictures


PICTURES = {"jpg": "JPEG", "jp2": "JPEG2000", "tif": "TIFF"}  # others are named by their endings


def _encoded(image: Image.Image, ending: str, **options: object) -> File:
    buffer = io.BytesIO()
    image.save(buffer, PICTURES.get(ending, ending), **options)
    return f".{ending}", buffer.getvalue()


def _pictures(folder: Path) -> list[File]:
    values = np.random.default_rng(0).integers(0, 256, (6, 8, 4), dtype=np.uint8)
    rgba = Image.fromarray(values).resize((40, 24), Image.Resampling.BICUBIC)
    rgb, grey, palette = rgba.convert("RGB"), rgba.convert("L"), rgba.convert("RGB").quantize(16)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    real = Image.fromarray(np.asarray(grey).astype(np.float32))
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "maker"})
    return [
        _encoded(rgb, "jpg", exif=exif),
        _encoded(rgb, "jpg", progressive=True),
        _encoded(grey, "jpg"),
        _encoded(rgb.convert("CMYK"), "jpg"),
        *(_encoded(rgb, "tif", compression=c) for c in ("raw", "tiff_lzw", "jpeg", "packbits")),
        _encoded(deep, "tif"),
        _encoded(real, "tif", compression="tiff_deflate"),
        _encoded(grey.convert("1"), "tif", compression="group4"),
        _encoded(rgb, "jp2"),
        *(_encoded(i, "png") for i in (rgb, rgba, grey, palette, deep)),
        _encoded(rgb, "png", exif=exif, transparency=(0, 0, 0)),
        _encoded(palette, "gif", transparency=0),
        _encoded(palette, "gif", save_all=True, append_images=[palette] * 2),
        (".heic", (Path(__file__).parents[1] / "compute" / "meadow.heic").read_bytes()),
        *(_encoded(rgba, e) for e in ("avif", "webp", "qoi")),
        _encoded(rgb, "webp", exif=exif, lossless=True),
        *(_encoded(i, "bmp") for i in (rgb, palette, grey.convert("1"))),
        *(_encoded(i, "ppm") for i in (rgb, deep, grey.convert("1"))),
    ]


def _examine(path: Path) -> None:
    is_plain_jpeg(path.read_bytes())
    examine(path.read_bytes(), max_pixels=MAX_PIXELS, at_least=8)


def _decode(path: Path) -> None:
    decode_rgb(path.read_bytes(), max_pixels=MAX_PIXELS)


def _decode_small(path: Path) -> None:
    decode_rgb(path.read_bytes(), max_pixels=MAX_PIXELS, at_least=8)


def _png_sealed(data: bytes) -> bytes:
    """The chunks of a PNG with the checksums of what they hold now."""
    changed, place = bytearray(data), 8
    while data.startswith(b"\x89PNG") and place + 8 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        if end + 4 > len(data):
            break
        changed[end : end + 4] = struct.pack(">I", zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return bytes(changed)


# ---------------------------------------------------------------- archives


def _files() -> dict[str, bytes]:
    pictures = {f"{kind}/{i}.png": bytes([i]) * 300 for kind in "ab" for i in range(3)}
    labels = {name.replace("png", "cls"): name[:1].encode() for name in pictures}
    more = {name.replace("png", "json"): b'{"by": "Frida", "year": 1932}' for name in pictures}
    return pictures | labels | more


def _archives(folder: Path) -> list[File]:
    found: list[File] = []
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            archive.mkdir("a")
            for name, data in _files().items():
                archive.writestr(name, data)
        found.append((".zip", buffer.getvalue()))
    for mode in ("", "gz", "bz2", "xz"):
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode=f"w:{mode}", format=form) as archive:
                for name, data in {**_files(), f"long/{'é' * 80}/1.png": b"x"}.items():
                    info = tarfile.TarInfo(name)
                    info.size, info.mtime = len(data), 1.5 if form == tarfile.PAX_FORMAT else 1
                    archive.addfile(info, io.BytesIO(data))
            found.append((f".tar.{mode}".rstrip("."), buffer.getvalue()))
    return found


def _read_tree(path: Path) -> None:
    with open_tree(path.parent, path.name) as tree:
        for file in tree.files("."):
            tree.fill(Picture(b"", file, ()), file)
        list(tree.spoken())


def _read_folders(path: Path) -> None:
    source = FolderSource(kind="folder", archive=path.name, artist="^(.)")
    _written(folder_pictures(source, path.parent))


def _read_web_dataset(path: Path) -> None:
    source = {"kind": "webdataset", "shards": path.name, "labels": "cls", "artist": "json.by"}
    _written(webdataset_pictures(WebDatasetSource(**source), path.parent))


def _tar_sealed(data: bytes) -> bytes:
    """The headers of a tar with the checksums of what they hold now."""
    changed = bytearray(data)
    for start in range(0, len(data) - 511, 512):
        header = data[start : start + 512]
        if header[257:262] == b"ustar":
            total = sum(header[:148]) + 8 * 32 + sum(header[156:])
            changed[start + 148 : start + 156] = b"%06o\0 " % total
    return bytes(changed)


# ---------------------------------------------------------------- tables


def _tables(folder: Path) -> list[File]:
    rows = [
        {"file": f"a/{i}.png", "style": ("Cubism", "Naïve Art", "7")[i % 3], "by": 'A "B", C'}
        for i in range(8)
    ]
    frame = pd.DataFrame(rows)
    lines = "\n".join(json.dumps(row, ensure_ascii=i % 2 == 0) for i, row in enumerate(rows))
    bytes_ = frame.assign(file=[{"bytes": b"x" * 50, "path": row["file"]} for row in rows])
    lists = frame.assign(style=[["Cubism", "Pop Art"]] * len(rows), by=range(len(rows)))
    dated = frame.assign(by=pd.Timestamp(0), style=pd.Categorical(frame["style"]))
    return [
        *((".csv", frame.to_csv(index=False, sep=s).encode()) for s in ",;|"),
        (".csv", frame.to_csv(index=False, quoting=1).encode("utf-16")),
        (".tsv", frame.to_csv(index=False, sep="\t").encode("utf-8-sig")),
        (".jsonl", lines.encode()),
        *((".parquet", table.to_parquet()) for table in (frame, bytes_, lists, dated)),
        *((".parquet", frame.to_parquet(compression=c)) for c in ("gzip", "zstd", "none")),
    ]


def _read_table(path: Path) -> None:
    with open_table(path.name, [FolderTree(path.parent)], key="source.file") as table:
        for _ in table.rows(table.columns):
            pass


def _read_listed(path: Path, **more: str) -> None:
    for i in range(8):
        picture = path.parent / "a" / f"{i}.png"
        picture.parent.mkdir(exist_ok=True)
        picture.touch()
    source = {"kind": "table", "file": path.name, "image": "file", "labels": "style"}
    _written(table_pictures(TableSource(**source | more), path.parent))


def _read_labels(path: Path) -> None:
    params = LabelTable(table=path.name, key="file", column="style")
    read_labels(params, [FolderTree(path.parent)], [f"a/{i}.png" for i in range(8)])


def _written(found: Iterator[Picture | str]) -> None:
    """What the stage does with the texts of pictures: they become UTF-8."""
    for item in found:
        texts = [item] if isinstance(item, str) else [item.path, item.artist or "", *item.labels]
        for text in texts:
            text.encode()


# ---------------------------------------------------------------- what stages leave each other


def _shards(folder: Path) -> list[File]:
    columns = {
        "image_id": [f"{i:016x}" for i in range(40)],
        "labels": [["Cubism", "Pop Art"][: 1 + i % 2] for i in range(40)],
        "split": [("train", "test")[i % 2] for i in range(40)],
    }
    found: list[File] = []
    for length, dtype in ((3, np.float32), (20, np.float16)):
        rows = pa.RecordBatch.from_pydict(columns)
        fields = [*rows.schema, ("v", vector_type(dtype, length))]
        schema = with_metadata(pa.schema(fields), pool="head")
        values = np.linspace(0, 1, 40 * length, dtype=dtype).reshape(40, length)
        batch = pa.RecordBatch.from_arrays([*rows.columns, to_column(values)], schema=schema)
        write_shards(folder / f"{length}", schema, [batch])
        found += [(".parquet", path.read_bytes()) for path in (folder / f"{length}").iterdir()]
    return found


def _read_shards(path: Path) -> None:
    shards = Shards(path.parent)
    assert shards.metadata["pool"] == "head"
    shards.read(["image_id", "v"], split="train")
    list(shards.take({f"{3:016x}"}))
    list(shards.batches())


def _tensors(folder: Path) -> list[File]:
    tensors = {"bn.bias": torch.zeros(4), "conv.weight": torch.arange(48.0).view(4, 3, 2, 2)}
    stored = {"state_dict": OrderedDict(tensors), "epoch": 3, "best": np.float64(0.5)}
    found = []
    for content in (tensors, stored):
        for zipped in (True, False):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
            found.append((".safetensors", buffer.getvalue()))
    Checkpoint(folder / "c", "digest").save(tensors, {"epoch": 3})
    save_model(folder / "m.safetensors", {name: t.numpy() for name, t in tensors.items()})
    return [
        *found,
        (".safetensors", (folder / "c").read_bytes()),
        (".safetensors", (folder / "m.safetensors").read_bytes()),
        (".safetensors", safetensors.torch.save(tensors)),
    ]


def _read_training(path: Path) -> None:
    if Checkpoint(path, "digest").load() is None:
        raise UserError("nothing of this training")


def _load_model(path: Path) -> None:
    write_checked_json(path.with_suffix(".json"), {TENSORS: file_checksum(path)})
    with loading_model(path) as (tensors, _):
        for array in tensors.values():
            array.sum()


def _json(folder: Path) -> list[File]:
    values = {"classes": ["Naïve Art", "b"], "scores": {"f1": 0.5, "n": [1, 2, None]}, "x": {}}
    found = []
    for i, indent in enumerate((2, None)):
        write_checked_json(folder / f"{i}", values, indent=indent)
        found.append((".json", (folder / f"{i}").read_bytes()))
    return found


def _json_sealed(data: bytes) -> bytes:
    if (found := CHECKSUM.search(data)) is None:
        return data
    start, end = data[: found.start(1)], data[found.end(1) :]
    return start + checksum(start, end).encode() + end


# ---------------------------------------------------------------- params.yaml


def _params(folder: Path) -> list[File]:
    paths = [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))]
    whole = [path.read_bytes() for path in paths]
    return [(".yaml", re.sub(rb"(?m) *#.*\n", b"\n", data)) for data in whole]


FORMATS = {
    "pictures": Format(_pictures, (_examine, _decode, _decode_small), _png_sealed),
    "archives": Format(_archives, (_read_tree, _read_folders, _read_web_dataset), _tar_sealed),
    "tables": Format(
        _tables,
        (
            _read_table,
            _read_listed,
            partial(_read_listed, artist="by", separator=",", on_error="reject"),
            partial(_read_listed, split="by"),
            _read_labels,
        ),
    ),
    "shards": Format(_shards, (_read_shards,)),
    "tensors": Format(_tensors, (_load_model, read_checkpoint, _read_training)),
    "json": Format(_json, (read_json,), _json_sealed),
    "params": Format(_params, (load_params,)),
}
