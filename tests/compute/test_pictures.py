"""Encoded pictures in, correct RGB out."""

import contextlib
import struct
import subprocess
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.compute import pictures
from pipeline.compute.parallel import ordered_map
from pipeline.compute.pictures import BYTES_PER_PIXEL, PictureError, _Memory, decode_rgb, examine

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters():
    """24 x 16 pixels: red, green / blue, white."""
    image = Image.new("RGB", (24, 16), RED)
    for colour, corner in [(GREEN, (12, 0)), (BLUE, (0, 8)), (WHITE, (12, 8))]:
        image.paste(colour, (*corner, corner[0] + 12, corner[1] + 8))
    return image


def grey_ramp():
    """(16, 16) from 0 to 255."""
    return np.arange(256, dtype=np.uint8).reshape(16, 16)


def pixels(data):
    """(H, W, 3) of the decoded picture."""
    image = decode_rgb(data)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def with_exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(encode, orientation, format):
    # What a camera stores: the upright picture, transformed so that the tag undoes it.
    stored = quarters()
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    if orientation > 1:
        stored = stored.transpose(inverse[orientation])
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}
    data = encode(stored, format, exif=with_exif(orientation), **options.get(format, {}))
    found = pixels(data)
    assert found.shape == (16, 24, 3)
    centres = found[[4, 4, 12, 12], [6, 18, 6, 18]]
    np.testing.assert_allclose(centres, [RED, GREEN, BLUE, WHITE], atol=3)
    looked_at = examine(data, at_least=16)
    assert (looked_at.width, looked_at.height, looked_at.format) == (24, 16, format)
    grey = np.asarray(decode_rgb(data).convert("L")).astype(int)
    np.testing.assert_allclose(np.asarray(looked_at.grey), grey, atol=1)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("at_least", "reduced"), [(16, 1), (8, 2), (7, 2), (4, 4), (2, 8), (1, 8)])
def test_jpegs_are_examined_reduced(encode, orientation, at_least, reduced):
    stored = quarters().crop((0, 0, 23, 16))
    data = encode(stored, "JPEG", quality=95, exif=with_exif(orientation))
    looked_at = examine(data, at_least=at_least)
    size, small = (23, 16), (-(-23 // reduced), 16 // reduced)
    turn = slice(None, None, 1 if orientation == 1 else -1)
    assert (looked_at.width, looked_at.height) == size[turn]
    assert looked_at.grey.size == small[turn]
    assert (looked_at.mode, looked_at.grey.mode) == ("RGB", "L")


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "RGB", "P"])
def test_grey_values_stay(encode, mode):
    found = pixels(encode(Image.fromarray(grey_ramp()).convert(mode)))
    np.testing.assert_array_equal(found, np.repeat(grey_ramp()[..., None], 3, 2))


def test_one_bit(encode):
    bits = np.array([[0, 255, 255], [255, 0, 0]], np.uint8)
    found = pixels(encode(Image.fromarray(bits).convert("1")))
    np.testing.assert_array_equal(found[..., 0], bits)
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize(("alpha", "expected"), [(255, 40), (0, 255), (51, 212)])
def test_transparency_over_white(encode, mode, alpha, expected):
    image = Image.new("L", (3, 2), 40).convert(mode)
    image.putalpha(alpha)
    np.testing.assert_allclose(pixels(encode(image)), expected, atol=1)


@pytest.mark.parametrize(
    ("transparency", "expected"),
    [(0, [WHITE, GREEN]), (b"\xff\x00", [RED, WHITE]), (None, [RED, GREEN])],
)
def test_palette_with_transparent_entries(encode, transparency, expected):
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([*RED, *GREEN])
    options = {} if transparency is None else {"transparency": transparency}
    np.testing.assert_array_equal(pixels(encode(image, **options))[0], expected)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_one_colour_declared_transparent(encode, mode):
    image = Image.fromarray(np.array([[9, 8]], np.uint8)).convert(mode)
    key = (9, 9, 9) if mode == "RGB" else 9
    np.testing.assert_array_equal(pixels(encode(image, transparency=key))[0], [WHITE, (8, 8, 8)])


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_keep_the_highest(encode, format):
    values = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    found = pixels(encode(Image.fromarray(values), format))
    np.testing.assert_array_equal(found[0], np.repeat([[0], [1], [128], [255]], 3, 1))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_dark_pictures_of_sixteen_bits_stay_dark(encode, format):
    values = np.full((40, 40), 255, np.uint16)
    values[0, 0] = 0
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(values), format))[5, 5], [1, 1, 1])


def test_sixteen_bits_in_which_white_is_zero(encode):
    data = encode(Image.fromarray(np.array([[0, 257, 65535]], np.uint16)), "TIFF")
    tag = struct.Struct("<HHIHH").pack  # the photometric interpretation
    assert data.count(tag(262, 3, 1, 1, 0)) == 1
    found = pixels(data.replace(tag(262, 3, 1, 1, 0), tag(262, 3, 1, 0, 0)))
    np.testing.assert_array_equal(found[0, :, 0], [255, 254, 0])


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(depth, colour, row, key, width):
    """A PNG of one row with a value that means transparent, in its own bits."""
    header = struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + (chunk(b"PLTE", bytes([*RED, *GREEN])) if colour == 3 else b"")
        + chunk(b"tRNS", key)
        + chunk(b"IDAT", zlib.compress(b"\0" + row))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key", "expected"),
    [
        (1, 0, b"\x40", b"\0\1", [(0, 0, 0), WHITE]),
        (1, 0, b"\x40", b"\0\0", [WHITE, WHITE]),
        (2, 0, b"\x60", b"\0\2", [(85, 85, 85), WHITE]),
        (4, 0, b"\x5a", b"\0\x0a", [(85, 85, 85), WHITE]),
        (8, 0, b"\x05\x09", b"\0\x09", [(5, 5, 5), WHITE]),
        (16, 0, struct.pack(">2H", 300, 40000), struct.pack(">H", 40000), [(1, 1, 1), WHITE]),
        (16, 0, struct.pack(">2H", 300, 40000), struct.pack(">H", 300), [WHITE, (156,) * 3]),
        (8, 2, bytes([1, 2, 3, 4, 5, 6]), b"\0\4\0\5\0\6", [(1, 2, 3), WHITE]),
        (16, 2, struct.pack(">6H", 1, 2, 3, 300, 400, 40000),
         struct.pack(">3H", 300, 400, 40000), [(0, 0, 0), WHITE]),
        (1, 3, b"\x40", b"\xff\0", [RED, WHITE]),
        (4, 3, b"\x01", b"\0", [WHITE, GREEN]),
    ],
)  # fmt: skip
def test_the_key_of_a_png(depth, colour, row, key, expected):
    data = png(depth, colour, row, key, 2)
    np.testing.assert_array_equal(pixels(data)[0], expected)
    grey = np.asarray(examine(data, at_least=1).grey)[0]
    np.testing.assert_array_equal(grey, np.asarray(decode_rgb(data).convert("L"))[0])


def test_floats_are_stretched(encode):
    values = np.array([[-1, 0, 1]], np.float32)
    found = pixels(encode(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(found[0, :, 1], [0, 128, 255])
    flat = encode(Image.fromarray(np.full((2, 2), 7, np.float32)), "TIFF")
    np.testing.assert_array_equal(pixels(flat), 0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_floats_that_are_no_numbers(encode, value):
    with pytest.raises(PictureError, match="no finite numbers"):
        decode_rgb(encode(Image.fromarray(np.array([[0, value]], np.float32)), "TIFF"))


def cmyk_profile():
    """An ICC profile of a press whose cyan ink prints as a grey of L* 50; other inks as black."""
    lab = {(0, 0, 0, 0): (255, 128, 128), (1, 0, 0, 0): (128, 128, 128)}  # L* 100 / 255 a step
    inks = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    identity = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", *(np.eye(3, dtype=int).ravel() << 16))
    table += 4 * identity + bytes(b for ink in inks for b in lab.get(ink, (0, 128, 128)))
    table += 3 * identity
    start = 128 + 4 + 12
    header = struct.pack(">I4sI4s4s4s", start + len(table), b"lcms", 0x02400000, b"prtr", b"CMYK",
                         b"Lab ")  # fmt: skip
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    header = header.ljust(128, b"\0")
    return header + struct.pack(">I4sII", 1, b"A2B0", start, len(table)) + table


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (None, [(0, 255, 255), WHITE]),
        (b"no profile at all", [(0, 255, 255), WHITE]),
        (cmyk_profile(), [(119, 119, 119), WHITE]),  # L* 50 is 118.9 in sRGB
    ],
    ids=["none", "broken", "own"],
)
def test_cmyk(encode, format, profile, expected):
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    image.paste((0, 0, 0, 0), (8, 0, 16, 16))
    options = {"quality": 95} if format == "JPEG" else {}
    found = pixels(encode(image, format, icc_profile=profile, **options))
    np.testing.assert_allclose(found[8, [2, 13]], expected, atol=3)


def test_cmyk_is_turned_too(encode):
    image = Image.new("CMYK", (16, 8), (255, 0, 0, 0))
    data = encode(image, "JPEG", exif=with_exif(6), icc_profile=cmyk_profile())
    assert pixels(data).shape == (16, 8, 3)
    np.testing.assert_allclose(pixels(data), 119, atol=3)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "TIFF"])
def test_the_first_frame(encode, format):
    frames = [Image.new("RGB", (8, 6), colour) for colour in (RED, BLUE)]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encode(frames[0], format, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(pixels(data), np.full((6, 8, 3), RED))


def noise():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("part", [0.3, 0.9])
@pytest.mark.parametrize("look", [decode_rgb, partial(examine, at_least=8)])
def test_truncated_files(encode, format, part, look):
    data = encode(noise(), format)
    with pytest.raises(PictureError, match="cannot be decoded"):
        look(data[: int(part * len(data))])


@pytest.mark.parametrize("progressive", [False, True])
def test_a_reduced_look_finds_the_same_jpegs_truncated(encode, progressive):
    data = encode(noise(), "JPEG", progressive=progressive)
    for end in range(0, len(data), 41):
        with pytest.raises(PictureError) as whole:
            decode_rgb(data[:end])
        with pytest.raises(PictureError) as reduced:
            examine(data[:end], at_least=8)
        assert str(whole.value) == str(reduced.value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty, or cannot be read"),
        (b"just some text", "not an image"),
        (b"\xff\xd8\xff", "not an image"),
        (b"%PDF-1.4", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "cannot be decoded|not an image"),
    ],
)
def test_no_pictures(data, reason):
    with pytest.raises(PictureError, match=reason) as caught:
        decode_rgb(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\0\0\0\x18ftypisom\0\0\2\0", "video: convert it, as ffmpeg does"),
        (b"\xff\x0a\x7f", "JPEG XL: convert it, as djxl does"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG: convert it, as rsvg-convert does"),
        (b"<?xml version='1.0'?>\n<!-- x -->\n<svg/>", "SVG"),
        (b"%PDF-1.4", "PDF"),
        (b"<!doctype html><title>404</title>", "web page: fetch the picture itself"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\3\4", "archive"),
    ],
)
@pytest.mark.parametrize("look", [decode_rgb, partial(examine, at_least=8)])
def test_what_other_files_are(data, said, look):
    with pytest.raises(PictureError, match="not an image that is read, but") as caught:
        look(data)
    assert said in str(caught.value)


@pytest.fixture
def meadow():
    """HEIC, by `heif-enc -q 40` of libheif 1.15 and x265."""
    return (Path(__file__).parent / "meadow.heic").read_bytes()


@pytest.fixture
def without_heif(monkeypatch):
    """As where pi-heif is not installed."""
    pictures._reads_heic.cache_clear()
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    yield
    pictures._reads_heic.cache_clear()


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_heic(meadow, brand):
    painted = Image.new("RGB", (64, 48), (40, 60, 160))
    draw = ImageDraw.Draw(painted)
    draw.rectangle((0, 32, 63, 47), fill=(60, 140, 50))
    draw.ellipse((40, 4, 56, 20), fill=(250, 220, 60))
    data = meadow.replace(b"ftypheic", b"ftyp" + brand)
    off = np.abs(pixels(data) - np.asarray(painted, dtype=int))
    assert off.mean() < 3
    found = examine(data, at_least=8)
    assert (found.width, found.height, found.format, found.mode) == (64, 48, "HEIF", "RGB")
    assert (found.grey.mode, found.unread_exif) == ("L", False)


@pytest.mark.parametrize("look", [decode_rgb, partial(examine, at_least=8)])
def test_damaged_heic(meadow, look):
    with pytest.raises(PictureError, match=r"cannot be decoded|not an image$") as caught:
        look(meadow[:-100])
    assert "pip install" not in str(caught.value)
    with pytest.raises(PictureError, match="64 x 48 pixels, more than allowed"):
        look(meadow, max_pixels=1000)


@pytest.mark.parametrize("look", [decode_rgb, partial(examine, at_least=8)])
def test_heic_without_its_extra(meadow, without_heif, look):
    with pytest.raises(PictureError, match=r"HEIC: it is read after `pip install '\.\[heif\]'`"):
        look(meadow)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "group4"])
def test_decoders_in_c_write_nothing(encode, compression, capfd):
    image = noise().convert("1" if compression == "group4" else "L")
    data = bytearray(encode(image, "TIFF", compression=compression))
    data[200:400:3] = bytes(67)
    with contextlib.suppress(PictureError):
        decode_rgb(bytes(data))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("size", [(1, 101), (60_000, 1), (3, 301)])
@pytest.mark.parametrize("look", [decode_rgb, partial(examine, at_least=48)])
def test_strips(encode, size, look):
    with pytest.raises(PictureError, match=f"{size[0]} x {size[1]} pixels, more than 100 to 1"):
        look(encode(Image.new("RGB", size)))
    assert decode_rgb(encode(Image.new("RGB", (3, 300)))).size == (3, 300)


@pytest.mark.parametrize("look", [decode_rgb, partial(examine, at_least=8)])
def test_a_damaged_byte(encode, look):
    data = bytearray(encode(noise()))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(PictureError, match="cannot be decoded"):
        look(bytes(data))


def png_of_size(width, height):
    """A PNG whose header promises width x height, with next to nothing behind it."""

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [50_000, 14_000, 12_000])  # Pillow: an error, an error, a warning
def test_a_bomb_is_refused_undecoded(side):
    with pytest.raises(PictureError, match="pixels") as caught:
        decode_rgb(png_of_size(side, side), max_pixels=100_000_000)
    assert "decoded" not in str(caught.value)


def test_max_pixels_is_inclusive(encode):
    data = encode(Image.new("RGB", (10, 10)))
    assert decode_rgb(data, max_pixels=100).size == (10, 10)
    with pytest.raises(PictureError, match="10 x 10 pixels"):
        decode_rgb(data, max_pixels=99)


def test_threads_leave_the_warning_filters_alone(encode):
    """Threads that each save and restore the filters can leave them changed for good."""
    data = encode(noise())
    before = list(warnings.filters)
    for _ in range(10):
        list(ordered_map(decode_rgb, [data] * 40))
        assert warnings.filters == before


def test_large_pictures_in_threads_do_not_warn():
    def reason(data):
        with pytest.raises(PictureError) as caught:
            decode_rgb(data, max_pixels=1000)
        return str(caught.value)

    reasons = set(ordered_map(reason, [png_of_size(12_000, 12_000)] * 200))
    assert reasons == {"12000 x 12000 pixels, more than allowed"}


def test_what_is_wrong_is_raised_and_not_logged(encode, caplog):
    data = bytearray(encode(quarters(), "TIFF"))
    place = data.index(struct.pack("<HH", 277, 3)) + 8  # samples per pixel
    data[place : place + 2] = struct.pack("<H", 1536)
    with pytest.raises(PictureError):
        decode_rgb(bytes(data))
    assert not caplog.records


SIDE = 4000
PEAK = """
import resource, sys
from pathlib import Path
from pipeline.compute.pictures import decode_rgb, examine
data = Path(sys.argv[1]).read_bytes()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
examine(data, at_least=64) if sys.argv[2] == "examine" else decode_rgb(data)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.parametrize("mode", ["F", "I", "I;16", "RGBA", "P", "CMYK", "LA"])
@pytest.mark.parametrize("how", ["examine", "decode_rgb"])
def test_memory_of_a_large_picture(tmp_path, mode, how):
    """No more than is reckoned with for those that are decoded at once."""
    path = tmp_path / "x.tiff"
    Image.new(mode, (SIDE, SIDE)).save(path, compression="tiff_adobe_deflate")
    done = subprocess.run(
        [sys.executable, "-c", PEAK, path, how], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) <= BYTES_PER_PIXEL * SIDE**2


def test_threads_share_the_memory():
    memory, taken, most = _Memory(10), [], []

    def take(count):
        with memory.taken(count):
            taken.append(count)
            most.append(sum(taken))
            time.sleep(0.002)
            taken.remove(count)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, [3, 4, 2, 30, 5, 10, 1, 11] * 5))
    assert len(most) == 40
    assert {total for total in most if total > 10} == {11, 30}  # each alone
