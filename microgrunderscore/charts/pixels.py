"""Pixels: PNG bytes from rows of colour indices, and colours mixed for light and dark at once.

The bytes are the same on every machine: the pixels are stored, not compressed, since compressors
differ from one build of zlib to the next. A heat map of 56 × 56 pixels takes 4 KB.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import TypeAlias

from ..pictures.palette import DARK, LIGHT

Colour: TypeAlias = tuple[int, int, int]
Tint: TypeAlias = tuple[int, int, int, int]  # a colour and its alpha, each 0 to 255

MOST_COLOURS = 256  # of one image
# The alpha of the strongest tint. Up to here every point of the palette keeps a contrast of 3 to
# every tint, on a light and on a dark background; tests/test_boundary.py measures it.
STRONGEST = 0.55
DEEPEST = 0.8  # the same for what is drawn in ink only

_LONGEST_BLOCK = 65535  # bytes; RFC 1951, section 3.2.4


# ---- colours -----------------------------------------------------------------------------------


def rgb(colour: str) -> Colour:
    """A colour written #rrggbb as numbers from 0 to 255.

    >>> rgb("#0b5cad")
    (11, 92, 173)
    """
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """The first colour with a share of the second, from 0 to 1.

    >>> mixed((0, 0, 0), (255, 255, 255), 0.5)
    (128, 128, 128)
    """
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def middle(role: str) -> Colour:
    """The colour halfway between the light and the dark one of a role.

    >>> middle("value")
    (72, 140, 214)
    """
    return mixed(rgb(LIGHT[role]), rgb(DARK[role]), 0.5)


def tints(role: str, count: int, strongest: float = STRONGEST) -> list[Tint]:
    """So many tints of a role, from none at all to one of this alpha.

    They are transparent, so that the same pixels are pale on a light background and deep on a dark
    one: a picture whose theme is its reader's has only one set of pixels.

    >>> tints("value", 3)
    [(72, 140, 214, 0), (72, 140, 214, 70), (72, 140, 214, 140)]
    """
    last = max(count - 1, 1)
    return [(*middle(role), round(255 * strongest * i / last)) for i in range(count)]


# ---- PNG ---------------------------------------------------------------------------------------


def png(rows: Sequence[Sequence[int]], colours: Sequence[Tint]) -> bytes:
    """An image as the bytes of a PNG file.

    Args:
        rows: indices into the colours, from top to bottom, each row from left to right.
        colours: at most 256.

    Raises:
        ValueError: no pixel, rows of unequal length, too many colours, an index outside them.

    Source: W3C, Portable Network Graphics, third edition (2025); RFC 1950 and 1951.

    >>> len(png([[0, 1], [1, 0]], tints("value", 2)))
    106
    """
    if not rows or not rows[0]:
        raise ValueError("an image needs at least one pixel, got none")
    width, height = len(rows[0]), len(rows)
    if any(len(row) != width for row in rows):
        raise ValueError(f"all rows of an image are of one length, got {sorted({*map(len, rows)})}")
    if not 1 <= len(colours) <= MOST_COLOURS:
        raise ValueError(f"an image has 1 to {MOST_COLOURS} colours, got {len(colours)}")
    if max(map(max, rows)) >= len(colours) or min(map(min, rows)) < 0:
        raise ValueError(f"an index lies outside the {len(colours)} colours")
    unfiltered = b"".join(b"\0" + bytes(row) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(bytes(colour[:3]) for colour in colours)),
            _chunk(b"tRNS", bytes(colour[3] for colour in colours)),
            _chunk(b"IDAT", _stored(unfiltered)),
            _chunk(b"IEND", b""),
        ]
    )


def address(image: bytes) -> str:
    """A PNG as a data address, which needs no file beside the picture.

    >>> address(b"")
    'data:image/png;base64,'
    """
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    """A piece of a PNG file, with its length and its check sum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stored(data: bytes) -> bytes:
    """A zlib stream that holds the data as they are."""
    blocks = [data[i : i + _LONGEST_BLOCK] for i in range(0, len(data), _LONGEST_BLOCK)]
    parts = [
        struct.pack("<BHH", i == len(blocks) - 1, len(block), len(block) ^ 0xFFFF) + block
        for i, block in enumerate(blocks)
    ]
    return b"\x78\x01" + b"".join(parts) + struct.pack(">I", zlib.adler32(data))
