"""A file of weights -> what it holds. Nothing of the file is run."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from pipeline.core.errors import UserError

FETCH = "fetch it again"
SAVE = (
    "where the model was made, save its weights alone: torch.save(model.state_dict(), 'mine.pth')"
)
UNPACK = "unpack it and name the file of weights that is in it"

# Files that hold no weights as PyTorch writes them: first bytes, what it is, what to do.
OTHERS = (
    (rb"$", "empty", FETCH),
    (rb"version https://git-lfs", "a pointer of Git LFS", "`git lfs pull` gets the file itself"),
    (rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml)", "a web page", "fetch the file itself"),
    (rb"\x89HDF\r\n\x1a\n", "HDF5, as Keras writes it", SAVE),
    (rb"\x93NUMPY", "an array of NumPy", SAVE),
    (rb"GGUF", "GGUF", SAVE),
    (rb"\x08[\x01-\x1f]\x12", "ONNX", SAVE),
    (rb"\x1f\x8b|BZh|\xfd7zXZ\0|\x28\xb5\x2f\xfd|7z\xbc\xaf\x27|Rar!", "compressed", UNPACK),
    (rb".{257}ustar", "a tar archive", UNPACK),
)
# The same of zip archives: the end of the name of an entry, what it is, what to do.
OTHER_ZIPS = (
    ("constants.pkl", "TorchScript", SAVE.replace("model.", "torch.jit.load(…).")),
    (".npy", "an archive of NumPy (.npz)", SAVE),
    (".weights.h5", "a model of Keras", SAVE),
)
LEGACY = bytes.fromhex("6cfc9c46f9206aa85019")  # torch.save's mark until PyTorch 1.6

# What torch puts into names for how a module is run.
WRAPPERS = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")

# What stands beside the tensors of many checkpoints.
UNREAD = (
    "argparse.Namespace",
    "datetime.datetime",
    "numpy.dtype",
    "numpy.ndarray",
    *(
        f"numpy.{core}.multiarray.{n}"
        for core in ("core", "_core")
        for n in ("scalar", "_reconstruct")
    ),
    *(f"pathlib.{place}{kind}Path" for place in ("", "_local.") for kind in ("Posix", "Windows")),
)


class Nothing:
    """What is made of any of UNREAD, whatever the file says of it."""

    def __new__(cls, *_: object) -> Nothing:
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        pass


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors that `torch.save` or safetensors wrote, by name: in mappings of mappings the
    names of all, joined by dots.

    Errors: `UserError` for a file of another kind, a damaged one, one with objects that could
    run code, and one without tensors.
    """
    with path.open("rb") as file:
        head = file.read(512)
    said = f"{path} holds no readable weights"
    try:
        if other := _other_kind(path, head):
            raise UserError(f"{said}, it is {other[0]}: {other[1]}")
        if _is_safetensors(head):
            return safetensors.torch.load_file(path)
        unread = torch.serialization.safe_globals([(Nothing, name) for name in UNREAD])
        with path.open("rb") as file, warnings.catch_warnings(), unread:
            warnings.simplefilter("ignore")  # about the version of the pickle
            stored = torch.load(file, map_location="cpu", weights_only=True)
    except (UserError, MemoryError):
        raise
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]*\w) ", str(error))
        objects = f"an object of {named[1]}" if named else "objects, or is damaged"
        raise UserError(
            f"{said}: it holds {objects}; what could run code is not read: {SAVE}"
        ) from None
    except Exception as error:  # what a damaged file leads its reader to
        raise UserError(
            f"{said}, it is cut off or damaged ({type(error).__name__}): {FETCH}"
        ) from None
    tensors = dict(_tensors(stored))
    if not tensors:
        raise UserError(f"{path} holds no state dict (a mapping of names to tensors): {SAVE}")
    return tensors


def _tensors(stored: object, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(stored, Mapping):
        for key, value in stored.items():
            if isinstance(value, Tensor):
                yield WRAPPERS.sub("", f"{prefix}{key}"), value
            else:
                yield from _tensors(value, f"{prefix}{key}.")


def _other_kind(path: Path, head: bytes) -> tuple[str, str] | None:
    """What a file is and what to do, unless it looks as `torch.save` or safetensors write it."""
    for start, what, remedy in OTHERS:
        if re.match(start, head, re.DOTALL) or (what == "ONNX" and path.suffix == ".onnx"):
            return what, remedy
    if head.startswith(b"PK"):
        names = zipfile.ZipFile(path).namelist()
        for end, what, remedy in OTHER_ZIPS:
            if any(name.endswith(end) for name in names):
                return what, remedy
        return None if any(n.endswith("data.pkl") for n in names) else ("a zip archive", UNPACK)
    if LEGACY in head[:32] or _is_safetensors(head):
        return None
    if head.startswith(b"\x80"):
        return "a pickle that torch.save did not write", SAVE
    text = " ".join(head[:60].decode("latin-1").split())
    if text.isascii() and text.isprintable():
        return f"text that begins with {text!r}", FETCH
    return "of no known kind", "a state dict by torch.save or safetensors is wanted"


def _is_safetensors(head: bytes) -> bool:
    """Whether the header, which is JSON, follows its length, 8 bytes of which few are needed."""
    return head[8:9] == b"{" and not any(head[5:8])
