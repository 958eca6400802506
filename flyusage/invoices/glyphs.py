"""The typefaces that invoices are set in, and which characters they hold.

A page that must last may not show a character without a shape, so what no face holds is printed as `□`. The faces' own
tables are read for that; the files themselves lie beside this module (fonts/README.md).
"""

import struct
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import BinaryIO

FOLDER = Path(__file__).parent / "fonts"
MISSING = "□"
SANS = "Inter"
SCRIPTS = ("Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai", "Noto Emoji")
# Chinese, Japanese and Korean write some characters in shapes of their own; a reader's own come first.
HAN = {"JP": "Noto Sans JP", "KR": "Noto Sans KR"}
HAN_ELSEWHERE = "Noto Sans SC"

Ranges = tuple[tuple[int, int], ...]


def faces(country: str) -> list[str]:
    """Names of all typefaces, in the order in which a reader in `country` (ISO 3166) should see them tried."""
    first = HAN.get(country, HAN_ELSEWHERE)
    return [SANS, *SCRIPTS, first, *(face for face in (HAN_ELSEWHERE, *HAN.values()) if face != first)]


def drawable(text: str) -> str:
    """`text` with every character that no typeface holds replaced by `□`; marks that draw nothing stay."""
    if text.isascii():
        return text
    return "".join(character if is_drawable(character) else MISSING for character in text)


def is_drawable(character: str) -> bool:
    """Whether a typeface holds `character`, or it draws nothing anyway."""
    point = ord(character)
    return _holds(_covered(), point) or _holds(DEFAULT_IGNORABLE, point)


# Unicode's Default_Ignorable_Code_Point: typesetters leave these out when no face has them.
DEFAULT_IGNORABLE: Ranges = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F),
    (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip


def _holds(ranges: Ranges, point: int) -> bool:
    place = bisect_right(ranges, (point, 0x110000)) - 1
    return place >= 0 and ranges[place][0] <= point <= ranges[place][1]


@cache
def widths() -> dict[str, float]:
    """Ems that a character takes in `SANS` at regular weight; figures as wide as in tables. Plain English and amounts only."""
    face = _Face(FOLDER / "Inter_400Regular.ttf")
    return {character: face.width(character) for character in MEASURED} | dict.fromkeys("0123456789", TABULAR_EMS)


MEASURED = "".join(map(chr, range(0x20, 0x7F))) + "–−·€£¥\xa0"
TABULAR_EMS = 0.6485


@cache
def _covered() -> Ranges:
    """What all faces hold together, as ranges in order."""
    merged: list[tuple[int, int]] = []
    for first, last, _ in sorted(found for path in FOLDER.glob("*.ttf") for found in _Face(path).groups):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


class _Face:
    """An OpenType file, as far as one must read it to know its characters and their widths."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            count = struct.unpack(">4xH6x", file.read(12))[0]
            entries = [struct.unpack(">4s4xII", file.read(16)) for _ in range(count)]
            self._tables = {tag: self._read(file, *place) for tag, *place in entries if tag in (b"cmap", b"head", b"hhea", b"hmtx")}
        self.groups = self._groups(self._tables[b"cmap"])

    def width(self, character: str) -> float:
        """The advance of `character` in ems."""
        point = ord(character)
        glyph = next(glyph + point - first for first, last, glyph in self.groups if first <= point <= last)
        counted = struct.unpack_from(">34xH", self._tables[b"hhea"])[0]
        advance = struct.unpack_from(">H", self._tables[b"hmtx"], 4 * min(glyph, counted - 1))[0]
        return advance / struct.unpack_from(">18xH", self._tables[b"head"])[0]

    @staticmethod
    def _read(file: BinaryIO, offset: int, length: int) -> bytes:
        file.seek(offset)
        return file.read(length)

    @staticmethod
    def _groups(table: bytes) -> list[tuple[int, int, int]]:
        """Characters as (first, last, glyph of the first), from the subtable of all Unicode (format 12), else of its first plane (4).

        The latter gives no glyphs here: they are 0.
        """
        offsets = {struct.unpack_from(">4xI", table, 4 + 8 * number)[0] for number in range(struct.unpack_from(">2xH", table)[0])}
        subtables = {struct.unpack_from(">H", table, start)[0]: start for start in offsets}
        if start := subtables.get(12):
            count = struct.unpack_from(">12xI", table, start)[0]
            return [struct.unpack_from(">III", table, start + 16 + 12 * number) for number in range(count)]
        start = subtables[4]
        count = struct.unpack_from(">6xH", table, start)[0] // 2
        ends = struct.unpack_from(f">{count}H", table, start + 14)
        starts = struct.unpack_from(f">{count}H", table, start + 16 + 2 * count)
        return [(first, last, 0) for first, last in zip(starts, ends, strict=True) if first != 0xFFFF]
