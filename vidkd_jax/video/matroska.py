"""Detects Matroska and WebM files that are cut off, which FFmpeg reads without an error."""

import os
from pathlib import Path
from typing import BinaryIO

_EBML_ID = b"\x1a\x45\xdf\xa3"
_SEGMENT_ID = b"\x18\x53\x80\x67"


def matroska_is_cut_off(path: Path) -> bool:
    """Returns whether the file is Matroska and shorter than the length in its header.

    A file is an EBML header and one segment. Each of them consists of an id, a length (coded in 1
    to 8 bytes) and that many bytes (RFC 8794, sections 4-6; RFC 9559, section 4.5). In live
    recordings the length is unknown.
    """
    with path.open("rb") as file:
        if file.read(4) != _EBML_ID:
            return False
        header = _read_length(file)
        if header is None:
            return False
        file.seek(header, os.SEEK_CUR)
        if file.read(4) != _SEGMENT_ID:
            return False
        segment = _read_length(file)
        return segment is not None and file.tell() + segment > os.fstat(file.fileno()).st_size


def _read_length(file: BinaryIO) -> int | None:
    """Reads an integer of variable size. Returns None for "unknown" (all bits set) or no integer.

    The number of leading zero bits in the first byte is the number of bytes that follow.
    """
    first = file.read(1)
    if not first or first == b"\0":
        return None
    following = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> following)]) + file.read(following))
    unknown = (1 << (7 * (following + 1))) - 1
    return None if value == unknown else value
