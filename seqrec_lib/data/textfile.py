"""Text files as people have them: packed by gzip, in UTF-16, with a mark of the byte order."""

import codecs
import gzip
import io
from typing import BinaryIO, TextIO

from seqrec_lib.common.paths import AnyPath, file_to_read

_PACKED = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet)",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"%PDF": "a PDF",
}
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
PARQUET = b"PAR1"


class TextFile:
    """The text of a file without what programs put around it; plain files stay on the disk.

    path: packed by gzip or not, whatever its name ends in; UTF-8 or anything like it, or UTF-16
        with its mark, as Windows writes it.

    Attributes: path, name; head, the first bytes.
    Raises FileNotFoundError, and ValueError for another kind of file, which is named.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = file_to_read(path)
        self.name = self.path.name
        self._text: bytes | None = None
        with self.path.open("rb") as file:
            self.head = file.read(1 << 16)
        for start, kind in _PACKED.items():
            if self.head.startswith(start):
                raise ValueError(f"{self.name} is {kind}: unpack it or save it as text first")
        if self.head.startswith(b"\x1f\x8b"):
            try:
                self._text = gzip.decompress(self.path.read_bytes())
            except (OSError, EOFError) as error:
                raise ValueError(f"{self.name} is packed by gzip and damaged: {error}") from None
            self.head = self._text[: 1 << 16]
        for mark, encoding in _MARKS.items():
            if self.head.startswith(mark):
                whole = self.path.read_bytes() if self._text is None else self._text
                try:
                    self._text = whole.decode(encoding).encode()
                except UnicodeDecodeError as error:
                    raise ValueError(f"{self.name} is damaged {encoding}: {error}") from None
                self.head = self._text[: 1 << 16]

    def binary(self) -> BinaryIO:
        """Its bytes, to be read and closed."""
        return self.path.open("rb") if self._text is None else io.BytesIO(self._text)

    def read(self) -> bytes:
        """All of its bytes."""
        return self.path.read_bytes() if self._text is None else self._text

    def lines(self) -> TextIO:
        """Its lines, each byte a character, ends of any kind as "\\n"."""
        return io.TextIOWrapper(self.binary(), encoding="latin-1", newline=None)
