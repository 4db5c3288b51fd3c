"""Files of weights as people have them, and files that hold none."""

import gzip
import os
import pickle
import tarfile
import warnings
import zipfile
from argparse import Namespace
from collections import OrderedDict
from pathlib import PosixPath

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from pipeline.backbones.checkpoints import read_checkpoint

TENSORS = {"bn1.bias": torch.zeros(4), "conv1.weight": torch.arange(48.0).view(4, 3, 2, 2)}


def saved(stored, path, **options):
    torch.save(stored, path, **options)
    return path.read_bytes()


def assert_same_tensors(found, expected):
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.fixture
def read(tmp_path):
    """What a file holds: of these bytes, or as `torch.save` writes this object."""

    def of(stored, name="x.pth", **options):
        path = tmp_path / name
        path.write_bytes(stored) if isinstance(stored, bytes) else saved(stored, path, **options)
        return read_checkpoint(path)

    return of


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", ["x.pth", "x.pth.tar", "x.bin", "x", "x.safetensors"])
def test_what_torch_wrote(read, name, zipped):
    found = read(OrderedDict(TENSORS), name, _use_new_zipfile_serialization=zipped)
    assert_same_tensors(found, TENSORS)


@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
def test_what_safetensors_wrote(read, name):
    assert_same_tensors(read(safetensors.torch.save(TENSORS), name), TENSORS)


def test_names_in_mappings_are_joined(read):
    found = read({"epoch": 3, "a": {"b": TENSORS, "c": None}, 0: TENSORS, "list": [TENSORS]})
    assert list(found) == [f"{start}.{name}" for start in ("a.b", "0") for name in TENSORS]


def test_what_torch_puts_into_names_is_taken_out(read):
    wrapped = {"_orig_mod.a": 0, "b._orig_mod.c": 1, "_fsdp_wrapped_module._orig_mod.d": 2}
    wrapped["my_orig_mod.e"] = 3
    found = read({name: torch.tensor(value) for name, value in wrapped.items()})
    assert {name: int(value) for name, value in found.items()} == {
        "a": 0, "b.c": 1, "d": 2, "my_orig_mod.e": 3,
    }  # fmt: skip


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "beside",
    [
        Namespace(lr=0.1, path=PosixPath("runs")),
        np.float64(0.7),
        np.int32(3),
        np.str_("best"),
        np.dtype("float32"),
        np.dtype([("a", "O"), ("b", "f8")]),
        np.arange(3),
        np.array(["a", None], dtype=object),
        torch.float16,
        torch.device("cpu"),
        np.random.RandomState(0).get_state(),
    ],
    ids=str,
)
def test_what_stands_beside_the_tensors(read, beside, zipped):
    stored = {"state_dict": TENSORS, "best": beside}
    found = read(stored, _use_new_zipfile_serialization=zipped)
    assert_same_tensors(found, {f"state_dict.{name}": t for name, t in TENSORS.items()})


class Opened:
    """Unpickling it would run code."""

    def __reduce__(self):
        return os.mkdir, ("opened",)


class Mine(dict):
    """A class that only the file's owner has."""


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    ("stored", "named"),
    [
        (Opened(), "posix.mkdir"),
        (Mine(a=1), f"{Mine.__module__}.Mine"),
        (nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
    ],
)
def test_objects_whose_code_could_run(tmp_path, read, refused, monkeypatch, stored, named, zipped):
    monkeypatch.chdir(tmp_path)
    how = "torch.save(model.state_dict(), 'mine.pth')"
    for value in (stored, {"state_dict": TENSORS, "model": stored}):
        with refused(str(tmp_path / "x.pth"), f"an object of {named};", "is not read", how):
            read(value, _use_new_zipfile_serialization=zipped)
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize("stored", [[1, 2], torch.zeros(3), {"epoch": 3}, {"state_dict": {"a": 1}}])
def test_files_without_tensors(read, refused, tmp_path, stored):
    with refused(str(tmp_path / "x.pth"), "no state dict", "torch.save"):
        read(stored)


def zip_of(path, name):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"x")
    return path.read_bytes()


def tar_of(path):
    (path.parent / "inner").write_bytes(b"x")
    with tarfile.open(path, "w") as archive:
        archive.add(path.parent / "inner", "inner")
    return path.read_bytes()


def npz_of(path):
    np.savez(path, a=np.zeros(3))
    return path.read_bytes()


def npy_of(path):
    np.save(path, np.zeros(3))
    return path.read_bytes()


def torchscript_of(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)
    return path.read_bytes()


OF_OTHER_KINDS = {
    "empty": (lambda _: b"", "empty", "fetch it again"),
    "Git LFS": (
        lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 44\n",
        "a pointer of Git LFS", "`git lfs pull`",
    ),
    "HTML": (lambda _: b"\n <!DOCTYPE html>\n<html>", "a web page", "fetch the file itself"),
    "HTML without a type": (lambda _: b"\xef\xbb\xbf<HTML>", "a web page", "fetch the file itself"),
    "JSON": (lambda _: b'{"error":"Not found"}', """text that begins with '{"error":""", "fetch"),
    "text": (lambda _: b"Entry not\nfound", "text that begins with 'Entry not found'", "fetch"),
    "TorchScript": (torchscript_of, "TorchScript", "torch.jit.load(…).state_dict()"),
    "pickle": (lambda _: pickle.dumps(TENSORS), "a pickle that torch.save did not write", "save"),
    "npz": (npz_of, "an archive of NumPy (.npz)", "torch.save"),
    "npy": (npy_of, "an array of NumPy", "torch.save"),
    "h5": (lambda _: b"\x89HDF\r\n\x1a\n" + bytes(9), "HDF5, as Keras", "torch.save"),
    "keras": (lambda p: zip_of(p, "model.weights.h5"), "a model of Keras", "torch.save"),
    "onnx": (lambda _: b"\x08\x08\x12\x07pytorch", "ONNX", "torch.save"),
    "gguf": (lambda _: b"GGUF\3\0\0\0", "GGUF", "torch.save"),
    "zip": (lambda p: zip_of(p, "model.pth"), "a zip archive", "unpack it"),
    "tar": (tar_of, "a tar archive", "unpack it"),
    "gzip": (lambda p: gzip.compress(saved(TENSORS, p)), "compressed", "unpack it"),
    "noise": (lambda _: np.random.default_rng(0).bytes(999), "of no known kind", "state dict"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", OF_OTHER_KINDS)
def test_files_of_other_kinds(tmp_path, read, refused, kind, suffix):
    make, what, remedy = OF_OTHER_KINDS[kind]
    data = make(tmp_path / ("made.npz" if kind == "npz" else "made.npy"))
    name = f"x{suffix}"
    with refused(f"{tmp_path / name} holds no readable weights, it is {what}", remedy):
        read(data, name)


def test_a_file_that_says_it_is_onnx(read, refused):
    with refused("it is ONNX"):
        read(b"\x3a\x00\x01", "x.onnx")


@pytest.mark.parametrize("left", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_files_that_are_cut_off(tmp_path, read, refused, form, left):
    large = {"weight": torch.rand(100, 100)}
    if form == "safetensors":
        data = safetensors.torch.save(large)
    else:
        data = saved(large, tmp_path / "x.pth", _use_new_zipfile_serialization=form == "zip")
    with refused("x.pth holds no readable weights", "damaged"):
        read(data[: int(left * len(data))])


def test_a_damaged_header(read, refused):
    data = bytearray(safetensors.torch.save(TENSORS))
    data[12] ^= 255
    with refused("it is cut off or damaged", "fetch it again"):
        read(bytes(data), "x.safetensors")
