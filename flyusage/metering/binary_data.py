"""Events whose data are bytes, in Base64 as `data_base64`: how SDKs write what they were given as bytes, JSON or not.

What such an event says, and whether it is the same as another, is as if its `data` stood there as JSON.
"""

import base64
import binascii

import msgspec

from flyusage.metering.errors import Refused

MARK = b"data_base64"

_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def unpacked(raw: bytes) -> bytes | None:
    """The line with its Base64 as plain `data`; None where it holds none, or `data` already. Raises Refused."""
    if MARK not in raw:
        return None
    try:
        members = _members_of(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    packed = members.pop(MARK.decode(), None)
    if packed is None or bytes(packed) == b"null" or "data" in members:
        return None
    return msgspec.json.encode({**members, "data": msgspec.Raw(_json_in(packed))})


def _json_in(packed: msgspec.Raw) -> bytes:
    try:
        found = base64.b64decode(msgspec.json.decode(packed, type=str), validate=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError):
        raise Refused("not_json", "data_base64 is not Base64; send the data as JSON in `data`.") from None
    try:
        msgspec.json.decode(found, type=msgspec.Raw)  # one value, and nothing behind it that would become the event's
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("not_json", "data_base64 does not hold JSON; send the data as JSON in `data`.") from None
    return found
