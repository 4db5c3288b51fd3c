"""Random damage to the bytes of a file."""

import random
import struct
from collections.abc import Sequence

EDITS = (1, 1, 1, 2, 3, 8)  # how many make a file
MOST = 2**20  # bytes of a file after an edit

EXTREME = (0, 1, 2**7 - 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
WORDS = (
    b"\0", b"\n", b"\r", b'"', b'""', b"'", b",", b";", b"\t", b"|", b":", b"-", b"\\", b"/",
    b"../", b"[", b"]", b"{", b"}", b"[]", b"{}", b"[" * 5000, b'{"a":' * 5000, b"- " * 3000,
    b"null", b"none", b"true", b"NaN", b".inf", b"-1", b"1e999", b"0x7f", b"9" * 5000, b"2.5",
    b"2001-13-01", b"2001-01-01", b"&a", b"*a", b"&a [*a]", b"<<: ", b"!!python/object:os.system ",
    b"!!binary x", b"!!set {}", b"? ", b"%", b"# ", b"---\n", b"|\n", b"\\ud800", b"\\u0000",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xed\xa0\x80", b"\xff", b"\xe2\x80\xa8", b"\x85",
    b"sep=;\n", b"PK\x03\x04", b"PK\x05\x06", b"IHDR", b"Exif\0\0", b"\x1f\x8b", b"ustar",
)  # fmt: skip


def mutate(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """`data` after one or several edits; others: what a part of may come into it."""
    for _ in range(rng.choice(EDITS)):
        data = rng.choice(CHANGES)(data, others, rng)[:MOST]
    return data


def _place(data: bytes, rng: random.Random) -> int:
    """Every second time near the beginning or the end, where most formats have their numbers."""
    near = min(64, len(data))
    anywhere, first = rng.randint(0, len(data)), rng.randint(0, near)
    return rng.choice((anywhere, anywhere, first, len(data) - first))


def _range(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = _place(data, rng)
    length = rng.choice((1, 2, 4, 8, 64, 512, 4096))
    return start, min(len(data), start + rng.randint(1, length))


def _flip(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 32))):
        if (place := _place(data, rng)) < len(changed):
            changed[place] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    start, end = _range(data, rng)
    return data[:start] + rng.randbytes(end - start) + data[end:]


def _zeros(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    start, end = _range(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def _number(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    start, form = _place(data, rng), rng.choice("BHIQ")
    size = struct.calcsize(form)
    value = rng.choice((*EXTREME, len(data))) % 2 ** (8 * size)
    return data[:start] + struct.pack(rng.choice("<>") + form, value) + data[start + size :]


def _cut_end(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    return data[: _place(data, rng)]


def _cut_out(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    start, end = _range(data, rng)
    return data[:start] + data[end:]


def _insert(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    start = _place(data, rng)
    word = rng.choice(WORDS) if rng.random() < 0.7 else rng.randbytes(rng.randint(1, 64))
    return data[:start] + word + data[start:]


def _replace(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    start, end = _range(data, rng)
    return data[:start] + rng.choice(WORDS) + data[end:]


def _repeat(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    start, end = _range(data, rng)
    return data[:start] + data[start:end] * rng.choice((2, 2, 3, 100)) + data[end:]


def _move(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    start, end = _range(data, rng)
    rest = data[:start] + data[end:]
    place = _place(rest, rng)
    return rest[:place] + data[start:end] + rest[place:]


def _splice(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    other = rng.choice(others)
    return data[: _place(data, rng)] + other[_place(other, rng) :]


CHANGES = (
    _flip, _overwrite, _zeros, _number, _cut_end, _cut_out, _insert, _replace, _repeat, _move,
    _splice,
)  # fmt: skip
