"""Files for the sources: on disk and in archives."""

import gc
import io
import tarfile
import warnings
import zipfile

import pytest


@pytest.fixture
def write(tmp_path):
    """`write({"a/1.png": b"…", …})`: these files below a folder, which it returns."""

    def make(files):
        for name, data in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path

    return make


@pytest.fixture
def files_left_open():
    """`datasets` does not close a metadata.csv that it has read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture
def pack(tmp_path):
    """`pack("x.tar.gz", {"a/1.png": b"…", …})`: an archive of these files, folders left out."""

    def make(name, files):
        path = tmp_path / name
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for entry, data in files.items():
                    archive.writestr(entry, data)
            return tmp_path
        compression = name.rpartition(".")[2]
        with tarfile.open(path, "w" if compression == "tar" else f"w:{compression}") as archive:
            for entry, data in files.items():
                info = tarfile.TarInfo(entry)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return tmp_path

    return make
