"""Stage features as processes: resumed, shared out, added to, and given bad input."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from processes import run, start
from project import ROOT
from ruamel.yaml import YAML

from pipeline.artifacts import images, models
from pipeline.artifacts.images import images_schema
from pipeline.artifacts.vectors import VECTORS, VectorStore
from pipeline.backbones.weights import make_backbone
from pipeline.core.files import HOST, read_json, write_checked_json
from pipeline.core.parquet import Shards, read_rows, shard_ids, write_shards

PICTURES = 420
STAGE = ["-m", "pipeline", "features"]
TORCHRUN = ["torchrun", "--standalone", "--nproc-per-node"]


class Workplace:
    """A folder with params.yaml, data/images and a small random backbone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images, self.features = folder / images.PATH, folder / VECTORS

    def write_images(self, rows: list[dict]) -> None:
        schema = images_schema(classes=["a"])
        write_shards(self.images, schema, [pa.RecordBatch.from_pylist(rows, schema)])

    def run(
        self,
        *options: str,
        launcher: Sequence[str] = ("python",),
        status: int = 0,
        **variables: str,
    ) -> str:
        """Both streams of the stage, which must end with `status`."""
        command = [*launcher, *STAGE, *options]
        variables["PYTHONPATH"] = str(ROOT)
        return run(*command, folder=self.folder, status=status, **variables)

    def set(self, **values: object) -> None:
        yaml, path = YAML(), self.folder / "params.yaml"
        params = yaml.load(path)
        params["features"].update(values)
        yaml.dump(params, path)

    def rows(self) -> dict[str, bytes]:
        """image_id -> vector, of what stands in the place of each shard of pictures."""
        store = VectorStore.open(self.features)
        found = {}
        for path in Shards(self.images).paths:
            ids = shard_ids(path)
            found |= dict(zip(ids, map(bytes, store.read(ids)), strict=True))
        names = {store.path(shard_ids(path)).name for path in Shards(self.images).paths}
        assert {path.name for path in self.features.iterdir()} == names
        return found

    def path(self, image_ids: list[str]) -> Path:
        """Where the vectors of a shard of these pictures are."""
        return VectorStore.open(self.features).path(image_ids)

    def written(self) -> dict[str, tuple[int, int]]:
        """Name of each shard of vectors -> what changes when it is written again."""
        return {
            path.name: (path.stat().st_mtime_ns, path.stat().st_ino)
            for path in self.features.glob("part-*.parquet")
        }


def image_rows(picture, numbers) -> list[dict]:
    return [
        {
            "image_id": f"{number * 2654435761 % 2**64:016x}",
            "image": {"bytes": picture(number), "path": f"{number}.png"},
            "labels": ["a"],
            "artist": None,
            "split": "train",
            "width": 24,
            "height": 16,
        }
        for number in numbers
    ]


@pytest.fixture(scope="module")
def made_workplace(tmp_path_factory, picture):
    """After a first run of one process."""
    place = Workplace(tmp_path_factory.mktemp("workplace"))
    shutil.copy(ROOT / "params.yaml", place.folder)
    place.set(batch_size=8, layers="last", pool="spatial", precision="float32")
    place.write_images(image_rows(picture, range(PICTURES)))
    backbone = make_backbone("test_resnet", "random", pretrained_dir=Path("none"), seed=0)
    backbone.save(place.folder / models.backbone_path())
    output = place.run()
    assert f"features: {PICTURES} x 2400 of 1 layer, spatial, {PICTURES} computed" in output
    return place


@pytest.fixture
def place(made_workplace, tmp_path):
    """A copy of it to change."""
    return Workplace(shutil.copytree(made_workplace.folder, tmp_path / "place"))


def test_a_second_run_computes_nothing(place):
    before = place.written()
    assert f"{PICTURES} x 2400 of 1 layer, spatial, 0 computed" in place.run()
    assert place.written() == before


def test_added_pictures_are_computed_alone(place, picture):
    """Ten more in the middle, two removed, some moved: the vectors are those of a run anew."""
    before = place.rows()
    numbers = [*range(50, 200), *range(1000, 1010), *range(200, PICTURES - 2), *range(50)]
    place.write_images(image_rows(picture, numbers))
    assert f"{PICTURES + 8} x 2400 of 1 layer, spatial, 10 computed" in place.run()
    after = place.rows()
    assert len(after) == PICTURES + 8
    known = before.keys() & after.keys()
    assert len(known) == PICTURES - 2
    assert all(after[image_id] == before[image_id] for image_id in known)
    shutil.rmtree(place.features)
    place.run()
    assert place.rows() == after


def test_labels_and_split_change_nothing(place, picture):
    rows = image_rows(picture, range(PICTURES))
    before = place.written()
    place.write_images([{**row, "labels": ["a", "b"], "split": "test"} for row in rows])
    assert "0 computed" in place.run()
    assert place.written() == before


@pytest.mark.parametrize("change", [{"pool": "head"}, {"precision": "bfloat16"}])
def test_other_parameters_compute_all_again(place, change):
    place.set(**change)
    assert f"{PICTURES} computed" in place.run()
    assert VectorStore.open(place.features).provenance.items() >= change.items()
    place.rows()


def test_auto_takes_the_precision_of_the_vectors_there(place, picture):
    place.set(precision="bfloat16")
    place.run()
    place.set(precision="auto")
    assert "0 computed" in place.run()
    place.write_images(image_rows(picture, range(PICTURES + 10)))
    assert " 10 computed in " in place.run()
    assert VectorStore.open(place.features).provenance["precision"] == "bfloat16"
    place.rows()


def test_the_first_pictures_choose_engine_and_precision(place, picture):
    """Of much work; as a picture that nothing can decode is among the first, it is named."""
    rows = image_rows(picture, range(PICTURES))
    shutil.rmtree(place.features)
    place.set(engine="openvino")
    assert place.run().endswith("on cpu in float32 by OpenVINO\n")
    shutil.rmtree(place.features)
    rows[3]["image"]["bytes"] = b"text"
    place.write_images(rows)
    output = place.run(status=2)
    assert f"error: picture {rows[3]['image_id']} of data/images/part-00000.parquet" in output


def test_how_to_compute_is_no_reason_to(place):
    place.set(batch_size=3, device="cpu", engine="openvino")
    assert "0 computed" in place.run()


def test_killed_at_any_moment(place, made_workplace):
    """SIGKILL, four times: no shard is torn or computed twice, and the rows are the same."""
    shutil.rmtree(place.features)
    rng, null = np.random.default_rng(0), Path(os.devnull)
    total = len(Shards(place.images).paths)
    for _ in range(4):
        before = place.written() if place.features.exists() else {}
        stop_at = min(total, len(before) + int(rng.integers(1, 3)))
        process = start(
            "python", *STAGE, folder=place.folder, streams=(null, null), PYTHONPATH=str(ROOT)
        )
        while process.is_alive() and len(list(place.features.glob("part-*"))) < stop_at:
            time.sleep(0.001)
        time.sleep(float(rng.uniform(0, 0.1)))
        process.send(signal.SIGKILL)
        exitcode = process.wait()
        assert exitcode in (-signal.SIGKILL, 0)
        after = place.written() if place.features.exists() else {}
        assert before.items() <= after.items()
        for path in place.features.glob("part-*"):
            assert pq.read_table(path).num_rows
    place.run()
    assert before.items() <= place.written().items()
    assert place.rows() == made_workplace.rows()


@pytest.mark.parametrize("cut", [True, False], ids=["cut off", "one bit"])
def test_a_damaged_shard_of_vectors_is_computed_again(place, made_workplace, cut):
    before, path = place.written(), sorted(place.features.iterdir())[1]
    parts = [shard_ids(pictures) for pictures in Shards(place.images).paths]
    [ids] = [ids for ids in parts if place.path(ids) == path]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content[:1000] if cut else content)
    output = place.run()
    assert f" {len(ids)} computed in " in output
    assert output.endswith(", 1 damaged shard made anew\n")
    assert place.rows() == made_workplace.rows()
    changed = before.items() ^ place.written().items()
    assert {name for name, _ in changed} == {path.name}


def test_vectors_are_not_taken_from_a_damaged_shard(place, picture):
    """Pictures that are now in another order lie in shards of other names."""
    for path in place.features.iterdir():
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    place.write_images(image_rows(picture, range(PICTURES - 1, -1, -1)))
    assert f" {PICTURES} computed in " in place.run()
    place.rows()


def test_shares_make_the_whole(place, made_workplace):
    shutil.rmtree(place.features)
    assert "features 1/2: " in place.run("--shard", "1/2")
    half = place.written()
    assert 0 < len(half) < len(Shards(place.images).paths)
    place.run("--shard", "0/2")
    assert half.items() <= place.written().items()
    assert place.rows() == made_workplace.rows()


def test_processes_of_torchrun_make_the_same_rows(place, made_workplace):
    shutil.rmtree(place.features)
    output = place.run(launcher=[*TORCHRUN, "2"])
    assert "features 0/2: " in output
    assert "features 1/2: " in output
    assert place.rows() == made_workplace.rows()


def test_more_processes_than_shards(place, picture):
    place.write_images(image_rows(picture, range(20)))
    assert "features 0/2: 20 x 2400" in place.run(RANK="0", WORLD_SIZE="2")
    output = place.run(RANK="1", WORLD_SIZE="2")
    assert "features 1/2: idle, 1 shard for 2 processes" in output
    assert len(place.rows()) == 20


@pytest.mark.parametrize("shard", ["2/2", "half"])
def test_a_wrong_share_is_refused(place, shard):
    assert f"error: --shard is '{shard}'" in place.run("--shard", shard, status=2)


def damage_pictures(path):
    """Overwrite the middle of the encoded pictures of a shard; ids and footer stay whole."""
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    assert column.path_in_schema == "image.bytes"
    data = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)


def test_a_damaged_shard_of_pictures_is_named_and_the_others_are_kept(place, made_workplace):
    shutil.rmtree(place.features)
    paths = Shards(place.images).paths
    whole = paths[-1].read_bytes()
    damage_pictures(paths[-1])
    output = place.run(status=2)
    assert f"error: data/images/{paths[-1].name} is damaged" in output
    assert output.count("\n") == 1
    kept = place.written()
    assert len(kept) >= len(paths) - 2  # a batch may reach from the one before into it
    paths[-1].write_bytes(whole[: len(whole) // 2])  # the footer is gone
    output = place.run(status=2)
    assert f"error: data/images/{paths[-1].name} is damaged" in output
    assert place.written() == kept
    paths[-1].write_bytes(whole)
    place.run()
    assert kept.items() <= place.written().items()
    assert place.rows() == made_workplace.rows()


def test_a_picture_that_cannot_be_decoded_is_named(place, picture):
    rows = image_rows(picture, range(20))
    rows[13]["image"]["bytes"] = b"text"
    place.write_images(rows)
    shutil.rmtree(place.features)
    output = place.run(status=2)
    assert f"error: picture {rows[13]['image_id']} of data/images/part-00000.parquet" in output
    assert "not an image" in output
    assert output.count("\n") == 1


def test_a_process_leaves_alone_what_another_is_writing(place):
    """With other parameters all names are there already, and one process ends first."""
    place.set(resize="crop")
    writing = place.features / f".part-0123456789abcdef.parquet.{os.getpid()}@{HOST}.tmp"
    left = place.features / "part-0123456789abcdef.parquet"
    for path in (writing, left):
        path.write_bytes(b"half")
    place.run("--shard", "0/2")
    assert left.exists()
    place.run("--shard", "1/2")
    assert not left.exists()
    assert writing.exists()


def test_a_copy_of_a_shard_is_no_source(place, made_workplace):
    path = sorted(place.features.iterdir())[0]
    path.rename(path.with_name("part-copy.parquet"))
    place.run()
    assert place.rows() == made_workplace.rows()


def test_another_preparation_computes_all_again(place):
    recipe = place.folder / models.backbone_path().with_suffix(".json")
    write_checked_json(recipe, {**read_json(recipe), "mean": [0.1, 0.2, 0.3]})
    assert f"{PICTURES} computed" in place.run()


def test_a_rank_that_dies(place, made_workplace):
    """The error is that rank's one line, the launcher fails, a rerun goes on."""
    shutil.rmtree(place.features)
    paths = Shards(place.images).paths
    whole = paths[1].read_bytes()
    damage_pictures(paths[1])
    output = place.run(launcher=[*TORCHRUN, "2"], status=1)
    assert re.search(rf"^error: .*data/images/{paths[1].name} ", output, re.MULTILINE)
    assert f'File "{ROOT}/pipeline' not in output
    paths[1].write_bytes(whole)
    place.run()
    assert place.rows() == made_workplace.rows()


def test_a_full_disk(place, made_workplace):
    """One line, no torn shard, and a run with room goes on."""
    shutil.rmtree(place.features)
    limited = f"ulimit -f 200; exec python {' '.join(STAGE)}"  # KiB a file may have
    variables = {"PYTHONPATH": str(ROOT)}
    output = run("bash", "-c", limited, folder=place.folder, status=2, forked=False, **variables)
    said = [line for line in output.splitlines() if not line.startswith("features: ")]  # progress
    assert [line.startswith("error: ") for line in said] == [True]
    assert "make room" in said[0]
    assert all(pq.read_table(path).num_rows for path in place.features.glob("part-*"))
    place.run()
    assert place.rows() == made_workplace.rows()
    assert read_rows(sorted(place.features.iterdir())[0], ["image_id"]).num_rows
