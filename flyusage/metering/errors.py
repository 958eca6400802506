"""Why an event is refused. The rest of its batch goes in; the refusal keeps line, code and sentence."""

from hashlib import blake2b
from uuid import UUID

import msgspec

EXCERPT_CHARACTERS = 200


class Refused(Exception):
    """One event is refused, for the reason `code`; `sentence` says what to change."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Refusal(msgspec.Struct, frozen=True):
    """A refused event: 1-based line, stable code, a sentence with the next step, the line as it came.

    `org` is the organization it named, when that much could be read.
    """

    line: int
    code: str
    sentence: str
    raw: bytes
    org: str | None = None

    @property
    def excerpt(self) -> str:
        """The beginning of the line as text that any table and log can hold (no NUL, valid UTF-8)."""
        return self.raw[: EXCERPT_CHARACTERS * 4].decode(errors="replace").replace("\0", "\ufffd")[:EXCERPT_CHARACTERS]

    @property
    def digest(self) -> UUID:
        """The same for the same line, refused for the same reason, wherever it stands in whatever file."""
        said = b"\0".join((self.code.encode(), (self.org or "").encode(), self.raw.rstrip(b"\r\n")))
        return UUID(bytes=blake2b(said, digest_size=16).digest())
