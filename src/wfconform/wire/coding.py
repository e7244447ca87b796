"""Content codings of a response, undone piece by piece, so that a few bytes never swell into gigabytes."""

import zlib
from collections.abc import Iterator

PIECE = 65536
MOST_CODINGS = 4
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's numbers for what surrounds a deflate stream
_NAMES = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}


class UndecodableError(Exception):
    """The body is not in the content coding that the response names."""


class TooLargeError(Exception):
    """The body, or what a coding makes of it, is larger than the limit."""


class Decoder:
    """Undoes the codings of a Content-Encoding header; a header that names an unknown one leaves the body as it is."""

    def __init__(self, header: str, *, limit: int) -> None:
        codings = [name for part in header.split(",") if (name := part.strip().lower()) not in ("", "identity")]
        known = all(name in _NAMES for name in codings)
        self._stages = [_Inflater(_NAMES[name]) for name in reversed(codings)] if known else []
        self._passed = [0] * (len(self._stages) + 1)  # bytes that went into each stage, and out of the last
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what some bytes decode to; raises UndecodableError, or TooLargeError past the limit."""
        if len(self._stages) > MOST_CODINGS:
            raise UndecodableError(f"{len(self._stages)} content codings on top of each other")
        return self._through(0, data)

    def finish(self) -> None:
        """Raise UndecodableError when a coding was begun and not ended."""
        for stage in self._stages:
            stage.finish()

    def _through(self, index: int, data: bytes) -> Iterator[bytes]:
        self._passed[index] += len(data)
        if self._passed[index] > self._limit:
            raise TooLargeError
        if index == len(self._stages):
            yield data
            return
        for piece in self._stages[index].feed(data):
            yield from self._through(index + 1, piece)


class _Inflater:
    """One gzip or deflate stream; what follows its end is ignored, as clients do."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = b""  # the first byte, until a second one tells zlib's header from a bare deflate stream
        self._stream = zlib.decompressobj(_GZIP) if name == "gzip" else None
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the decoded bytes in pieces."""
        self._begun = self._begun or bool(data)
        if self._stream is None:
            self._held = data = self._held + data
            if len(data) < 2:
                return
            self._stream = zlib.decompressobj(_ZLIB if _has_zlib_header(data) else _RAW)
        try:
            yield from _inflated(self._stream, data)
        except zlib.error as error:
            reason = str(error).rpartition(": ")[2]
            raise UndecodableError(f"the body is not {self._name} ({reason})") from None

    def finish(self) -> None:
        """Raise UndecodableError when the stream was begun and not ended."""
        if self._begun and (self._stream is None or not self._stream.eof):
            raise UndecodableError(f"the {self._name} stream is cut short")


def _inflated(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    while not stream.eof:
        piece = stream.decompress(data, PIECE)
        data = stream.unconsumed_tail
        if piece:
            yield piece
        if len(piece) < PIECE and not data:
            return


def _has_zlib_header(data: bytes) -> bool:
    return data[0] & 0x0F == 8 and (data[0] * 256 + data[1]) % 31 == 0
