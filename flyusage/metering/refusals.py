"""What is wrong with a line that the fast parser refused or cannot vouch for, found at leisure and said in a sentence."""

import json
import re
from typing import Any, NoReturn

import msgspec

from flyusage.metering import binary_data
from flyusage.metering.errors import Refused

BOM = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
GZIP = b"\x1f\x8b"
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_JSON_TYPE = re.compile(r"[^/;\s]+/([^/;\s]+\+)?json\s*(;.*)?", re.IGNORECASE | re.DOTALL)  # CloudEvents, JSON format 3.1.1
_QUANTITIES = frozenset(("data.memory_mb", "data.bytes"))


def explain(raw: bytes, error: Exception) -> Refused:
    """The refusal for a line that did not decode, from the decoder's own error."""
    if raw.startswith(BOM):
        return Refused("byte_order_mark", "The line begins with a byte order mark; save the file as UTF-8 without one.")
    if raw.startswith(GZIP):
        return Refused("not_json", "The line is gzip, not text: unpack it once more, or send it with Content-Encoding: gzip.")
    if raw.startswith(UTF_16):
        return Refused("not_json", "The line is UTF-16 text; save the file as UTF-8.")
    if not raw.strip():
        return Refused("not_json", "The line is empty.")
    if isinstance(error, msgspec.ValidationError):
        return _other_type(raw) or _invalid(str(error))
    try:
        inspect(raw)
    except Refused as refused:
        return refused
    return Refused("not_json", f"The line is not JSON ({error}).")


def inspect(raw: bytes) -> None:
    """Raise Refused for what a JSON decoder lets pass: a key twice, NUL, half a surrogate pair, NaN, bytes that are no text.

    And for data that are not JSON by the event's own account, or that are there twice.
    """
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_not_a_number)
    except UnicodeDecodeError:
        raise Refused("not_json", "The line is not UTF-8 text.") from None
    except RecursionError:
        raise Refused("not_json", "The line is nested too deep.") from None
    except ValueError as error:
        raise Refused("not_json", f"The line is not JSON ({error}).") from None
    if isinstance(found, dict):
        if found.get("data_base64") is not None and "data" in found:
            raise Refused("duplicate_key", "data and data_base64 are both there; send one of them.")
        if other := _other_type(raw):
            raise other


def org_named(raw: bytes) -> str | None:
    """The organization a refused line names, if it can be read."""
    try:
        slug = _org_of(binary_data.unpacked(raw) or raw).data.org
    except (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return slug if len(slug) <= 63 and "\0" not in slug else None


class _Org(msgspec.Struct):
    org: str


class _Named(msgspec.Struct):
    data: _Org


_org_of = msgspec.json.Decoder(_Named).decode


class _Declared(msgspec.Struct):
    datacontenttype: str | None = None


_declared_by = msgspec.json.Decoder(_Declared).decode


def _other_type(raw: bytes) -> Refused | None:
    """The refusal of an event that says itself that its data are not JSON; None for any other."""
    try:
        said = _declared_by(raw).datacontenttype
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _invalid(str(error)) if "`$.datacontenttype`" in str(error) else None
    if said is None or _JSON_TYPE.fullmatch(said):
        return None
    return Refused(
        "unknown_datacontenttype",
        f"datacontenttype says that data is {said[:40]!r}; data must be JSON: leave it out, or say application/json.",
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Refused("duplicate_key", f"The key {twice[:40]!r} appears twice; send it once.")
    for key, value in pairs:
        _text(key)
        if isinstance(value, str):
            _text(value)
    return found


def _text(value: str) -> None:
    if "\0" in value:
        raise Refused("nul", "A text holds a NUL character; remove it.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused("not_json", "A text holds half of a surrogate pair, which is no character.") from None


def _not_a_number(constant: str) -> NoReturn:
    raise Refused("quantity_out_of_range", f"{constant} is not a quantity; send a whole number.")


def _invalid(message: str) -> Refused:
    """A refusal from the decoder's words, such as "Expected `int`, got `str` - at `$.data.memory_mb`"."""
    at = _AT.search(message)
    path, what = (at["path"], message[: at.start()]) if at else ("", message)
    if what.startswith("Object missing required field"):
        field = ".".join(filter(None, (path, what.split("`")[1])))
        return Refused("missing_field", f"{field} is missing; add it.")
    if path == "type":
        code = "wrong_type" if what.startswith("Expected") else "unknown_type"
        return Refused(code, f"type names no event of ours ({what}); the types are listed in the documentation.")
    if path == "specversion":
        return Refused("unknown_specversion", 'specversion must be the text "1.0".')
    if not path:
        return Refused("not_an_object", f"The line must be a JSON object ({what}).")
    if "out of range" in what or (path in _QUANTITIES and (">=" in what or "<=" in what)):
        return Refused("quantity_out_of_range", f"{path} is negative or too large ({what}).")
    if "length" in what:
        return Refused("invalid_name", f"{path} must have 1 to 1,000 characters.")
    return Refused("wrong_type", f"{path} has the wrong type ({what}).")
