"""Names that came in with events, made safe to draw: shown literally, one line, inside their space.

Plotly reads a small HTML (`<b>`, `&amp;`), templates (`%{y}`) and, with MathJax, `$...$` in every text. What is
escaped here is shown as it was written. Marks that reorder or hide text are shown by name (`‹RLO›`), and
right-to-left names are isolated, so that a name never rearranges the number beside it.
"""

import unicodedata
from urllib.parse import quote, unquote

ELLIPSIS = "…"
LABEL_COLUMNS = 24
TITLE_COLUMNS = 60
COMBINING_LIMIT = 4
EMPTY_UID = "·empty"

_ENCODED = "·"  # may stand in a CSS name, unlike the percent sign
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_JOINERS = "\u200c\u200d"  # part of Persian words and of family emoji
_FLAG_BASE = "\U0001f3f4"  # England's flag is this and invisible tag letters
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "%": "&#37;", "{": "&#123;", "}": "&#125;", "$": "&#36;"})
_MARK_NAMES = {
    "\u00ad": "SHY", "\u034f": "CGJ", "\u061c": "ALM", "\u200b": "ZWSP", "\u200e": "LRM", "\u200f": "RLM",
    "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO", "\u2060": "WJ",
    "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI", "\ufeff": "BOM",
}  # fmt: skip
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters by category, nothing on the screen
_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")


def plot_label(name: str, columns: int = LABEL_COLUMNS) -> str:
    """`name` for a place inside a chart: at most `columns` wide, literal, isolated. Ready for any Plotly text."""
    return _isolate(escape(shorten(visible(name), columns)))


def plot_title(name: str) -> str:
    """The whole of `name` for a hover, broken into lines of `TITLE_COLUMNS`. Ready for any Plotly text."""
    return "<br>".join(_isolate(escape(line)) for line in _lines(visible(name)))


def uid_of(key: str) -> str:
    """`key` as the browser holds it (trace uid, data-series): letters, digits, `-` and `_` as they are, the rest encoded.

    Plotly looks uids up by CSS selector and writes them into exported pictures: a dot or a space in one stops it from
    ever drawing that chart again. Ordinary names (`app_22`, `performance-12x`) stay themselves; an encoded byte is `·`
    and two hex digits. Uids of the charts' own begin with `Ø`, which no key's does.
    """
    if not key:
        return EMPTY_UID
    quoted = quote(key, safe="-_", errors="replace")
    return quoted.replace(".", "%2E").replace("~", "%7E").replace("%", _ENCODED)


def key_of(uid: str) -> str:
    """The key that `uid_of` encoded; what a handler does with a series that comes back from the browser."""
    return "" if uid == EMPTY_UID else unquote(uid.replace(_ENCODED, "%"))


def is_own_uid(uid: str) -> bool:
    """Whether `uid` is a trace of the chart's own (its total, the comparison, the names in tiles) and no series."""
    return uid.startswith("Ø")


def visible(name: str) -> str:
    """`name` with every control, direction mark and hidden character replaced by one that can be seen.

    Emoji sequences and joined scripts stay whole; of marks stacked on one letter the first four stay. A space alone,
    or nothing, becomes `‹empty›`.
    """
    if name.isascii() and name.isprintable():
        return name if name.strip() else "‹empty›"
    shown: list[str] = []
    stacked, in_flag = 0, False
    for char in name:
        in_flag = char == _FLAG_BASE or (in_flag and "\U000e0020" <= char <= "\U000e007f")
        stacked = stacked + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if stacked <= COMBINING_LIMIT:
            shown.append(char if in_flag else _visible_char(char))
        elif stacked == COMBINING_LIMIT + 1:
            shown.append(ELLIPSIS)
    return "".join(shown) if "".join(shown).strip() else "‹empty›"


def escape(text: str) -> str:
    """`text` so that Plotly's HTML, templates and formulas read it as plain characters."""
    return text.translate(_ESCAPES)


def shorten(text: str, columns: int) -> str:
    """`text`, or as much of it as fits `columns` with an ellipsis; never cuts an emoji or an accent in two.

    Wide characters (CJK, emoji) count two columns, marks on a letter none.
    """
    if width_of(text) <= columns:
        return text
    end, used = 0, 1
    while end < len(text) and used + _columns(text[end]) <= columns:
        used += _columns(text[end])
        end += 1
    while end > 0 and _is_joined(text, end):
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def width_of(text: str) -> int:
    """The columns `text` takes in a terminal's sense: a fair measure of its width on the screen too."""
    return len(text) if text.isascii() else sum(_columns(char) for char in text)


def label_px(name: str, columns: int = LABEL_COLUMNS, *, font_px: int = 12) -> int:
    """About how many pixels `plot_label(name, columns)` takes, on the safe side."""
    return round(min(width_of(visible(name)), columns) * font_px * 0.58) + 4


def _visible_char(char: str) -> str:
    if char in _MARK_NAMES:
        return f"‹{_MARK_NAMES[char]}›"
    if char < " ":
        return chr(0x2400 + ord(char))
    category = unicodedata.category(char)
    if category == "Cs":
        return "\ufffd"
    if (category in _HIDDEN_CATEGORIES and char not in _JOINERS) or char in _BLANK_LETTERS:
        return f"‹U+{ord(char):04X}›"
    return char


def _isolate(text: str) -> str:
    if text.isascii() or all(unicodedata.bidirectional(char) not in ("R", "AL", "AN") for char in text):
        return text
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


def _lines(text: str) -> list[str]:
    lines: list[str] = []
    while width_of(text) > TITLE_COLUMNS:
        head = shorten(text, TITLE_COLUMNS + 1).removesuffix(ELLIPSIS)
        cut = len(head) or 1
        lines.append(text[:cut])
        text = text[cut:]
    return [*lines, text]


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _is_joined(text: str, cut: int) -> bool:
    """Whether cutting before `text[cut]` would split what is drawn as one."""
    return cut < len(text) and (
        unicodedata.category(text[cut]) in ("Mn", "Me", "Cf")
        or _splits_flag(text, cut)
        or "\U0001f3fb" <= text[cut] <= "\U0001f3ff"  # a skin tone belongs to the emoji before it
        or text[cut - 1] in _JOINERS
    )


def _splits_flag(text: str, cut: int) -> bool:
    """A country's flag is two regional letters; an odd number of them before the cut leaves half a flag."""
    before = 0
    while before < cut and _is_regional(text[cut - before - 1]):
        before += 1
    return before % 2 == 1 and _is_regional(text[cut])


def _is_regional(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
