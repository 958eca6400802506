"""A request's body as lines of events, in bounded memory: gunzipped as it comes, an array's elements found one by one."""

import codecs
import io
import json
import re
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import anyio.from_thread
import msgspec

from flyusage.api.errors import BodyBroken, MediaTypeUnknown, RequestInvalid, TooLarge
from flyusage.metering.events import MAX_LINE_BYTES
from flyusage.metering.reading import read_lines

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines")
BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"
DATA = ("application/json", "text/json", "")
ENCODINGS = ("gzip", "identity")
REQUIRED = ("ce-specversion", "ce-id", "ce-source", "ce-type")
LARGEST_RATIO = 300  # of gzip; events come to 20 to 60, a bomb to 1,000
FREE_BYTES = 8 << 20  # that much is let through before the ratio counts
LONGEST_ELEMENT = 1 << 20
PIECE = 1 << 16
_BLANK = " \t\r\n"


def chunks_of(stream: AsyncIterator[bytes]) -> Iterator[bytes]:
    """The body's chunks on a worker thread; each is asked for when it is needed, so that a fast sender waits for us."""
    following = aiter(stream)

    async def advance() -> bytes | None:
        return await anext(following, None)

    while (chunk := anyio.from_thread.run(advance)) is not None:
        if chunk:
            yield chunk


def unpacked(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The chunks without their gzip. Raises MediaTypeUnknown, BodyBroken and TooLarge (a bomb)."""
    if encoding in ("", "identity"):
        yield from chunks
    elif encoding in ("gzip", "x-gzip"):
        yield from _gunzipped(chunks)
    else:
        raise MediaTypeUnknown(f"The body is encoded as {encoding[:40]!r}. Send it as gzip, or as it is.", accept_encoding=ENCODINGS)


def lines_of(chunks: Iterator[bytes], headers: Mapping[str, str]) -> tuple[Iterator[bytes], bool]:
    """The events' lines, and whether there is only one by the request's own account. Raises MediaTypeUnknown, RequestInvalid."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == BATCH:  # by its type, whatever ce- headers stand beside it (CloudEvents, HTTP 3): those that pass events on add some
        return elements(chunks), False
    if kind == STRUCTURED:
        return iter([_whole(chunks)]), True
    if any(name in headers for name in REQUIRED):
        if kind not in DATA and not kind.endswith("+json"):
            raise MediaTypeUnknown(f"In binary mode the body is the event's data as application/json, not {kind[:60]!r}.", accept=DATA[:1])
        return iter([_bound(headers, _whole(chunks))]), True
    if kind in NDJSON:
        return read_lines(io.BufferedReader(_Raw(chunks), PIECE)), False
    raise MediaTypeUnknown(
        f"Events come as {NDJSON[0]} (one per line), {BATCH}, {STRUCTURED} or with ce- headers (binary mode), not as {kind[:60]!r}.",
        accept=(NDJSON[0], BATCH, STRUCTURED),
    )


def elements(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The elements of a JSON array, each as it was written. Raises BodyBroken where it is none, or ends early."""
    text = _Text(chunks)
    text.skip_blank()
    if (mark := text.take()) == "\ufeff":
        raise BodyBroken("The batch begins with a byte order mark; send it as UTF-8 without one.")
    if mark != "[":
        raise BodyBroken("A batch is a JSON array of events: [{…}, {…}].")
    text.skip_blank()
    if text.peek() == "]":
        text.take()
    else:
        while True:
            yield text.element()
            mark = text.take()
            if mark == "]":
                break
            if mark != ",":
                raise BodyBroken("The batch is broken behind an event: a comma or the closing bracket is missing. What came before is in.")
            text.skip_blank()
    text.skip_blank()
    if text.peek():
        raise BodyBroken("Something follows the batch's closing bracket. The batch itself is in.")


class _Text:
    """Text that arrives in pieces, of which only what is not read yet is kept."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._scan = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
        self._text, self._at, self._is_over = "", 0, False

    def peek(self) -> str:
        """The next character, empty at the end."""
        while self._at >= len(self._text) and self._more():
            pass
        return self._text[self._at : self._at + 1]

    def take(self) -> str:
        found = self.peek()
        self._at += len(found)
        return found

    def skip_blank(self) -> None:
        while (found := self.peek()) and found in _BLANK:
            self._at += 1

    def element(self) -> bytes:
        """The next JSON value; read on until what follows it is known, so that a number is not cut in two."""
        while True:
            try:
                _, end = self._scan(self._text, self._at)
                while end < len(self._text) and self._text[end] in _BLANK:
                    end += 1
                if end < len(self._text) or self._is_over:
                    found, self._at = self._text[self._at : end].rstrip(_BLANK), end
                    return found.encode("utf-8", "surrogatepass")
            except RecursionError:
                raise BodyBroken("The batch is nested too deep. What came before is in.") from None
            except ValueError:
                if self._is_over:
                    raise BodyBroken("The batch ends in the middle of an event, or is not JSON there. What came before is in.") from None
            if len(self._text) - self._at > LONGEST_ELEMENT:
                raise BodyBroken(
                    "An event of the batch is over 1 MiB, or is not JSON. What came before is in; an event has 64 KiB at most."
                )
            self._more()

    def _more(self) -> bool:
        if self._is_over:
            return False
        chunk = next(self._chunks, None)
        try:
            piece = self._decoder.decode(chunk or b"", final=chunk is None)
        except UnicodeDecodeError:
            raise BodyBroken("The batch is not UTF-8 text. What came before is in.") from None
        self._is_over = chunk is None
        self._text, self._at = self._text[self._at :] + piece, 0
        return True


class _Raw(io.RawIOBase):
    """Chunks as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks, self._rest = chunks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Every member of the file, in pieces of 64 KiB at most."""
    taken = given = 0
    member = zlib.decompressobj(wbits=31)
    has_begun = False
    for chunk in chunks:
        packed = chunk
        taken += len(chunk)
        while packed:
            if member.eof:
                member, has_begun = zlib.decompressobj(wbits=31), False
            try:
                piece = member.decompress(packed, PIECE)
            except zlib.error as error:
                raise BodyBroken(f"The gzip cannot be unpacked ({error}). What came before is in.") from error
            has_begun = True
            packed = member.unconsumed_tail or member.unused_data
            given += len(piece)
            if given > FREE_BYTES and given > (taken - len(packed)) * LARGEST_RATIO:
                raise TooLarge(
                    f"The gzip unpacks to over {LARGEST_RATIO} times its size, which no events do. Send it in smaller parts, or plain."
                )
            if piece:
                yield piece
            elif not packed:
                break
    if not has_begun or not member.eof:
        raise BodyBroken("The gzip ends early. What came before is in; send it whole again.")


def _whole(chunks: Iterator[bytes]) -> bytes:
    """All of a small body; of one too large only as much as shows that."""
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > MAX_LINE_BYTES:
            break
    return bytes(found[: MAX_LINE_BYTES + 1]).strip() or b" "


def _bound(headers: Mapping[str, str], data: bytes) -> bytes:
    """A binary event as the JSON that structured mode would have sent."""
    attributes = [(name.removeprefix("ce-"), _attribute(value)) for name, value in headers.items() if name.startswith("ce-")]
    named = [name for name, _ in attributes]
    if twice := next((name for name in named if named.count(name) > 1), None):
        raise RequestInvalid(f"The header ce-{twice[:40]} is there twice; send it once.")
    if "data" in named:
        raise RequestInvalid("There is no header ce-data: in binary mode the body is the event's data.")
    if any("\0" in value for _, value in attributes):
        raise RequestInvalid("A ce- header holds a NUL character; leave it out.")
    try:
        msgspec.json.decode(data, type=msgspec.Raw)  # one value, and nothing behind it that would become the event's
    except msgspec.DecodeError as error:
        raise RequestInvalid(f"In binary mode the body is the event's data as JSON, which this is not ({error}).") from None
    written = ",".join(f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=False)}" for name, value in attributes)
    return b'{%s,"data":%s}' % (written.encode("utf-8", "replace"), data)


def _attribute(value: str) -> str:
    """What a header carries: without the quotation marks of older senders, then percent-decoded (CloudEvents, HTTP 3.1.3.2)."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote(value.encode("latin-1").decode(), errors="strict")  # as it came, not as headers are read
    except UnicodeDecodeError:
        raise RequestInvalid(f"A ce- header is not UTF-8, percent-encoded: {value[:60]!r}. Encode its text so.") from None
