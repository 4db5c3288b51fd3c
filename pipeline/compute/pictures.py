"""Encoded pictures in, correct RGB out: the only place that decodes."""

from __future__ import annotations

import ctypes
import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError, _imaging

from pipeline.compute.formats import foreign, is_heic

MAX_PIXELS = 178_000_000  # Pillow refuses twice Image.MAX_IMAGE_PIXELS, 178.9 million, of itself
PHOTOMETRIC = 262  # the tag of a TIFF; 0: white is zero
BYTES_PER_PIXEL, ALL_BYTES = 12, 2**31  # of what decoding takes, in all threads
STRIP = 2**18  # pixels
LARGE = 2**28  # bytes
MAX_RATIO = 100  # of the sides: to scale a longer strip takes much memory, and shows nothing

# Of Pillow's decoders those of pictures people keep; some others start programs (EPS) or fetch.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "TIFF", "WEBP")

with suppress(OSError, AttributeError):  # where it is linked otherwise
    _c = ctypes.CDLL(_imaging.__file__)  # of libtiff what Pillow uses, which writes to stderr
    _c.TIFFSetErrorHandler(None)
    _c.TIFFSetWarningHandler(None)


logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what is wrong with a picture is raised too


class PictureError(Exception):
    """The bytes are no picture that can be used; the message is the reason, a few words."""


def _trim() -> None:
    """Give back what glibc keeps for each thread of the pictures before."""
    with suppress(OSError, AttributeError):  # of another C library
        ctypes.CDLL(None).malloc_trim(0)


class _Memory:
    """Bytes that decoding takes in all threads together; who wants more than is left waits.

    One picture is decoded whatever it takes, so that none waits for ever.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Take `count` bytes for the block."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + count <= self._size)
            self._taken += count
        if count >= LARGE:
            _trim()
        try:
            yield
        finally:
            with self._changed:
                self._taken -= count
                self._changed.notify_all()


_memory = _Memory(ALL_BYTES)


class _Quiet:
    """Pillow's warnings are ignored while any thread is inside.

    `warnings.catch_warnings` in each thread would not do: threads that overlap put back each
    other's filters, and what was ignored for a moment stays ignored.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *error: Any) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(*error)


_quiet = _Quiet()


@dataclass(frozen=True, slots=True)
class Examined:
    """A picture that decodes to its end, and what its file said.

    grey: the picture in shades of grey, as it is seen. width, height: pixels of the whole picture,
    as it is seen. format, mode: Pillow's names, before any conversion. unread_exif: there is an
    EXIF block, but no tag in it can be read, so that an orientation in it is lost.
    """

    grey: Image.Image
    width: int
    height: int
    format: str
    mode: str
    unread_exif: bool


def decode_rgb(
    data: bytes, *, max_pixels: int = MAX_PIXELS, at_least: int | None = None
) -> Image.Image:
    """Decode one picture (the first frame) as RGB, turned as its EXIF orientation says.

    at_least: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, no side below this.

    Grey, palette, 16-bit and CMYK pictures are converted, the last by their own colour profile
    where they have one; transparent parts come out white. The size is read before anything is
    decoded.

    Errors: `PictureError` for bytes that are empty, no image, damaged, too many pixels, or a strip
    of more than MAX_RATIO to 1.
    """
    with _opened(data, max_pixels) as image:
        if at_least is not None:
            image.draft(None, (at_least, at_least))  # without effect on other formats
        with _memory.taken(_bytes(image)):
            ImageOps.exif_transpose(image, in_place=True)
            return _to_rgb(image)


def examine(data: bytes, *, max_pixels: int = MAX_PIXELS, at_least: int) -> Examined:
    """Decode one picture as `decode_rgb` does, with its errors, to look at it in grey.

    at_least: the grey picture of a JPEG may be 1/2, 1/4 or 1/8 of its size, no side below this. Its
    data are read to their end all the same, but colours and details in them are not computed.
    """
    with _opened(data, max_pixels) as image:
        (width, height), mode = image.size, image.mode
        image.draft("L", (at_least, at_least))  # without effect on other formats
        with _memory.taken(_bytes(image)):
            image.load()
            exif = image.getexif()
            unread_exif = bool(image.info.get("exif")) and not exif
            if exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8):  # stored on its side
                width, height = height, width
            ImageOps.exif_transpose(image, in_place=True)
            return Examined(_to_grey(image), width, height, image.format or "", mode, unread_exif)


@contextmanager
def _opened(data: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """A picture, not decoded yet; whatever goes wrong in the block is a `PictureError`."""
    if not data:
        raise PictureError("empty, or cannot be read")
    formats = (*FORMATS, "HEIF") if is_heic(data) and _reads_heic() else FORMATS
    try:
        # Pillow warns of large pictures; ours are measured against max_pixels.
        with _quiet, Image.open(io.BytesIO(data), formats=formats) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise PictureError(f"{width} x {height} pixels, more than allowed")
            if max(width, height) > MAX_RATIO * min(width, height):
                raise PictureError(f"{width} x {height} pixels, more than {MAX_RATIO} to 1")
            if image.format == "PNG":
                _scale_key(image)
            yield image
    except PictureError:
        raise
    except UnidentifiedImageError:
        known = foreign(data) if formats == FORMATS else None
        raise PictureError(
            "not an image" + (f" that is read, but {known}" if known else "")
        ) from None
    except Image.DecompressionBombError:
        raise PictureError("too many pixels") from None
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(f"cannot be decoded: {reason}") from None


@cache
def _reads_heic() -> bool:
    """Whether pi-heif is installed, of which Pillow then knows; asked when the first HEIC comes."""
    try:
        import pi_heif
    except ImportError:
        return False
    pi_heif.register_heif_opener(thumbnails=False)
    return True


def libraries() -> str:
    """What decodes, with versions."""
    found = []
    for name in ("pillow", "pi-heif"):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


def is_plain_jpeg(data: bytes) -> bool:
    """Whether these bytes begin as a JPEG, grey or YCbCr, that is shown as it is stored.

    Any JPEG decoder gives the same picture of these, but for rounding.
    """
    if not data.startswith(b"\xff\xd8"):
        return False
    try:
        with _quiet, Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            return image.mode in ("L", "RGB") and upright
    except Exception:  # damaged: the other decoder says how
        return False


def _bytes(image: Image.Image) -> int:
    """What decoding takes at most, about: as stored, as decoded and as converted."""
    return image.width * image.height * BYTES_PER_PIXEL


def _to_grey(image: Image.Image) -> Image.Image:
    if image.mode == "L" and "transparency" not in image.info:
        return image
    return _reduced(image) if _is_deep(image) else _to_rgb(image).convert("L")


def _is_deep(image: Image.Image) -> bool:
    """Whether it has more than 8 bits per channel for Pillow."""
    return image.mode.startswith("I") or image.mode == "F"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "CMYK" and (profile := image.info.get("icc_profile")):
        try:
            srgb = ImageCms.createProfile("sRGB")
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
            if converted is not None:
                return converted
        except (OSError, ImageCms.PyCMSError):
            pass  # a broken profile: convert as if there were none
    if _is_deep(image):
        return _reduced(image).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _reduced(image: Image.Image) -> Image.Image:
    """Integers of 16 or 32 bits and floats, which Pillow's own conversion clips at 255, as grey.

    Integers from 0 to 65,535 are divided by 257, others and floats stretched from 0 to 255.
    """
    low, high = np.inf, -np.inf
    for _, values in _strips(image):
        low, high = min(low, values.min()), max(high, values.max())
        if not np.isfinite(values).all():
            raise PictureError("holds values that are no finite numbers")
    if image.mode.startswith("I") and low >= 0 and high <= 65535:
        low, high = 0, 65535
    grey = np.empty((image.height, image.width), np.uint8)
    key = image.info.get("transparency")
    for top, values in _strips(image):
        part = grey[top : top + len(values)]
        part[:] = np.rint(np.clip((values - low) * (255 / ((high - low) or 1)), 0, 255))
        if key is not None:
            part[values == key] = 255
    return Image.fromarray(grey)


def _strips(image: Image.Image) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """The first row and the values of as many rows as have some STRIP pixels."""
    white_is_zero = getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0
    inverted = white_is_zero and image.mode.startswith("I;16")
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(image.height, top + rows))
        values = np.asarray(image.crop(box), dtype=np.float64)
        yield top, 65535 - values if inverted else values  # Pillow leaves it to us


def _scale_key(image: Image.Image) -> None:
    """The value of a PNG that means transparent, in its own bits -> as Pillow scales the pixels."""
    key, tiles = image.info.get("transparency"), getattr(image, "tile", None)
    raw = tiles[0].args if tiles else None
    if raw in ("L;2", "L;4") and isinstance(key, int):
        image.info["transparency"] = key * (85 if raw == "L;2" else 17)
    elif raw == "RGB;16B" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)
