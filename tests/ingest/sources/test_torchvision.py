"""The source `torchvision` on files in torchvision's own formats: idx and CIFAR's pickles.

Its checksums are those of the real files: the tests put those of theirs in place.
"""

import gzip
import hashlib
import http.server
import io
import pickle
import struct
import tarfile
import threading
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from pipeline.compute.pictures import decode_rgb
from pipeline.ingest.sources.params import TorchvisionSource
from pipeline.ingest.sources.torchvision import torchvision_pictures

TRAIN, TEST = 10, 4  # pictures
GREY = ("MNIST", "KMNIST", "FashionMNIST")
CIFAR = ("CIFAR10", "CIFAR100")


def read(folder, dataset, **params):
    source = TorchvisionSource(kind="torchvision", dataset=dataset, **params)
    return list(torchvision_pictures(source, folder))


def pixels(*shape):
    return np.random.default_rng(shape[0]).integers(0, 256, shape, dtype=np.uint8)


def targets(count):
    return np.arange(count, dtype=np.uint8)[::-1] % 10


def idx(array):
    """The format of MNIST: 0, 0, type (8 is uint8), dimensions, their sizes, the values."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


def idx_files():
    return {
        "train-images-idx3-ubyte": idx(pixels(TRAIN, 28, 28)),
        "train-labels-idx1-ubyte": idx(targets(TRAIN)),
        "t10k-images-idx3-ubyte": idx(pixels(TEST, 28, 28)),
        "t10k-labels-idx1-ubyte": idx(targets(TEST)),
    }


def cifar_files(reader):
    """CIFAR's pickles: rows of 3072 values, all red before all green before all blue."""
    key = "labels" if reader is datasets.CIFAR10 else "fine_labels"
    names = [name for name, _ in reader.train_list]
    each = TRAIN // len(names)
    files = {}
    for part, count in [*((name, each) for name in names), (reader.test_list[0][0], TEST)]:
        start = names.index(part) * each if part in names else 0
        total = TRAIN if part in names else TEST
        rows = pixels(total, 32, 32, 3)[start : start + count].transpose(0, 3, 1, 2)
        labels = targets(total)[start : start + count]
        batch = {"data": rows.reshape(count, -1), key: labels.tolist()}
        files[part] = pickle.dumps(batch)
    names = [f"class {i}" for i in range(100 if key == "fine_labels" else 10)]
    files[reader.meta["filename"]] = pickle.dumps({reader.meta["key"]: names})
    return files


def md5(data):
    return hashlib.md5(data).hexdigest()


@pytest.fixture
def stored(write, monkeypatch):
    """`stored(dataset)`: a copy as torchvision stores it -> its folder."""

    def make(dataset, top=""):
        reader = getattr(datasets, dataset)
        if dataset in GREY:
            return write({f"{top}{dataset}/raw/{k}": v for k, v in idx_files().items()})
        files = cifar_files(reader)
        check(monkeypatch, reader, files)
        return write({f"{top}{reader.base_folder}/{name}": data for name, data in files.items()})

    return make


def check(monkeypatch, reader, files):
    """Let the reader expect the checksums of these files."""
    for attribute in ("train_list", "test_list"):
        names = [name for name, _ in getattr(reader, attribute)]
        monkeypatch.setattr(reader, attribute, [[name, md5(files[name])] for name in names])
    meta = reader.meta | {"md5": md5(files[reader.meta["filename"]])}
    monkeypatch.setattr(reader, "meta", meta)


@contextmanager
def serving(folder, monkeypatch):
    """The files of `folder` over HTTP -> the address."""
    monkeypatch.setenv("no_proxy", "*")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("dataset", [*GREY, *CIFAR])
@pytest.mark.parametrize("download", [False, True])
def test_a_local_copy(stored, dataset, download):
    """Found without a network, also where a download is allowed."""
    found = read(stored(dataset, "sets/"), dataset, root="sets", download=download)
    assert [p.path for p in found] == [
        *(f"test/{i:05}.png" for i in range(TEST)),
        *(f"train/{i:05}.png" for i in range(TRAIN)),
    ]
    assert [p.split for p in found] == ["test"] * TEST + ["train"] * TRAIN
    assert {p.artist for p in found} == {None}
    shape = (28, 28) if dataset in GREY else (32, 32, 3)
    for picture, expected in zip(
        found, [*pixels(TEST, *shape), *pixels(TRAIN, *shape)], strict=True
    ):
        assert picture.data.startswith(b"\x89PNG")
        with Image.open(io.BytesIO(picture.data)) as image:
            np.testing.assert_array_equal(np.asarray(image), expected)
        assert decode_rgb(picture.data).size == shape[1::-1]
    names = (
        datasets.__dict__[dataset].classes if dataset in GREY else [f"class {i}" for i in range(10)]
    )
    numbers = [*targets(TEST), *targets(TRAIN)]
    assert [p.labels for p in found] == [(names[i],) for i in numbers]


def test_the_same_bytes_again(stored):
    root = stored("MNIST")
    assert read(root, "MNIST") == read(root, "MNIST")


def test_packed_files_are_checked_and_unpacked(write, monkeypatch):
    """With `download`, files that are there as they are published need no network."""
    files = {f"{name}.gz": gzip.compress(data) for name, data in idx_files().items()}
    root = write({f"KMNIST/raw/{name}": data for name, data in files.items()})
    checksums = [(name, md5(data)) for name, data in files.items()]
    monkeypatch.setattr(datasets.KMNIST, "resources", checksums)
    monkeypatch.setattr(datasets.KMNIST, "mirrors", ["http://127.0.0.1:9/"])
    assert len(read(root, "KMNIST", download=True)) == TRAIN + TEST


def test_a_download(write, monkeypatch, tmp_path, refused):
    files = {f"{name}.gz": gzip.compress(data) for name, data in idx_files().items()}
    packed = io.BytesIO()
    pickles = cifar_files(datasets.CIFAR10)
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in pickles.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    files["cifar-10-python.tar.gz"] = packed.getvalue()
    write({f"served/{name}": data for name, data in files.items()})
    idx_names = [name for name in files if "idx" in name]
    with serving(tmp_path / "served", monkeypatch) as address:
        monkeypatch.setattr(datasets.MNIST, "mirrors", [address])
        monkeypatch.setattr(datasets.CIFAR10, "url", f"{address}cifar-10-python.tar.gz")
        with refused("MNIST", "corrupted", "go online and run it again", str(tmp_path / "wrong")):
            read(tmp_path, "MNIST", root="wrong", download=True)
        with refused("CIFAR10", "corrupted", "go online and run it again"):
            read(tmp_path, "CIFAR10", root="wrong", download=True)
        checksums = [(name, md5(files[name])) for name in idx_names]
        monkeypatch.setattr(datasets.MNIST, "resources", checksums)
        monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(packed.getvalue()))
        check(monkeypatch, datasets.CIFAR10, pickles)
        for dataset in ("MNIST", "CIFAR10"):
            assert len(read(tmp_path, dataset, root="right", download=True)) == TRAIN + TEST


def test_no_network(tmp_path, monkeypatch, refused):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setattr(datasets.CIFAR100, "url", "http://127.0.0.1:9/x.tar.gz")
    for dataset in ("MNIST", "CIFAR100"):
        with refused(str(tmp_path), dataset, "refused", "go online", "put the files there"):
            read(tmp_path, dataset, download=True)


def test_copies_that_are_missing_or_damaged(stored, tmp_path, refused):
    for dataset in ("KMNIST", "CIFAR10"):
        with refused(str(tmp_path), f"no whole copy of {dataset}", "source.download: true"):
            read(tmp_path, dataset)
    root = stored("MNIST")
    for name in ("train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        path = root / "MNIST" / "raw" / name
        whole = path.read_bytes()
        for damaged in (b"", whole[:10], whole[:-5], b"x" + whole[1:]):
            path.write_bytes(damaged)
            with refused("no whole copy of MNIST", "remove what is damaged"):
                read(root, "MNIST")
        path.write_bytes(whole)
    batch = stored("CIFAR10") / "cifar-10-batches-py" / "data_batch_3"
    batch.write_bytes(batch.read_bytes()[:-1])
    with refused("no whole copy of CIFAR10", "corrupted"):
        read(root, "CIFAR10")


def test_labels_that_do_not_fit_the_pictures(stored, refused):
    root = stored("MNIST")
    for count, shift, last in ((TEST - 1, 0, 2), (TEST, 10, 13)):
        wrong = idx(targets(count) + np.uint8(shift))
        (root / "MNIST/raw/t10k-labels-idx1-ubyte").write_bytes(wrong)
        with refused(f"test part of MNIST has 4 pictures, but {count} labels, 0 to {last}"):
            read(root, "MNIST")
