"""Files that are no pictures here, by how they begin: what they are and what to do."""

from __future__ import annotations

import re

BEGINNING = 1024  # bytes that are looked at

HEIC = rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)"

# Name, what the file begins with, what to do.
FORMATS: tuple[tuple[str, bytes, str], ...] = (
    ("HEIC", HEIC, "it is read after `pip install '.[heif]'` and `dvc repro --force ingest`"),
    ("AVIF", rb"....ftypavi[fs]", "convert it, as avifdec does"),
    ("Canon raw", rb"....ftypcrx ", "convert it, as darktable-cli does"),
    ("Fujifilm raw", rb"FUJIFILMCCD-RAW", "convert it, as darktable-cli does"),
    ("video", rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", "convert it, as ffmpeg does"),
    ("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL ", "convert it, as djxl does"),
    ("JPEG XR", rb"II\xbc\x01", "convert it, as JxrDecApp does"),
    ("Photoshop", rb"8BPS", "convert it, as magick does"),
    ("GIMP", rb"gimp xcf", "convert it, as magick does"),
    (
        "SVG",
        rb"\s*(<\?xml.*)?(<!--.*-->\s*)?(<!DOCTYPE svg.*)?<svg",
        "convert it, as rsvg-convert does",
    ),
    ("PDF", rb"%PDF", "convert it, as pdftoppm does"),
    ("PostScript", rb"%!PS|\xc5\xd0\xd3\xc6", "convert it, as gs does"),
    ("OpenEXR", rb"v/1\x01", "convert it, as magick does"),
    ("Radiance HDR", rb"#\?RADIANCE", "convert it, as magick does"),
    ("DirectDraw", rb"DDS ", "convert it, as magick does"),
    ("icon", rb"\0\0[\x01\x02]\0", "convert it, as magick does"),
    ("DICOM", rb".{128}DICM", "convert it, as dcm2img does"),
    ("FITS", rb"SIMPLE  =", "convert it, as magick does"),
    ("web page", rb"\s*(<!DOCTYPE html|<html)", "fetch the picture itself"),
    ("pointer of Git LFS", rb"version https://git-lfs", "fetch it with git lfs pull"),
    ("archive", rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf", "unpack it, or name it in ingest.source"),
)


def is_heic(data: bytes) -> bool:
    """Whether it begins as HEIC does."""
    return re.match(HEIC, data[:BEGINNING], re.DOTALL) is not None


def foreign(data: bytes) -> str | None:
    """What such a file is and what to do, in words; None where nothing is known."""
    beginning = data[:BEGINNING]
    for name, pattern, advice in FORMATS:
        if re.match(pattern, beginning, re.DOTALL | re.IGNORECASE):
            return f"{name}: {advice}"
    return None
