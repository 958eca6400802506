import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.ui.charts.text import escape, is_own_uid, key_of, label_px, plot_label, plot_title, shorten, uid_of, visible, width_of

HOSTILE = [
    "<b>bold</b><script>alert(1)</script>",
    "%{y} %{fullData.name} %{x|%Y}",
    "$x^2$ and $$\\frac{1}{2}$$",
    "&lt;b&gt; &amp; &#37;",
    "{}{{}}",
    "\u202egnp.exe",
    "شركة الاختبار",
    "=cmd|'/c calc'!A1",
    "x" * 500,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 family",
    "\x00\x1b[31mred\x7f",
    "a\u200bb\ufeffc",
    "Z" + "\u0338\u0321\u031b" * 40,
    "line\nbreak\ttab\r",
    "   ",
    "\ud800 lone",
]
NAMES = st.one_of(
    st.text(max_size=600),
    st.sampled_from(HOSTILE),
    st.text(alphabet="<>&%{}$\u202e\u2066\u200f\u0301\u200d\U0001f1e9\U0001f1ea\U0001f3fb\u05d0a", max_size=80),
)
ENTITY = re.compile(r"&(?:amp|lt|gt|#\d+);")


def read(label: str) -> str:
    """What Plotly shows of a label: entities decoded, isolates unseen."""
    return html.unescape(label).replace("\u2068", "").replace("\u2069", "")


@given(NAMES)
def test_a_label_is_plain_text_to_plotly(name: str):
    label = plot_label(name)
    assert not re.search(r"[<>%{}$]", label)
    assert "&" not in ENTITY.sub("", label)
    assert read(label) == shorten(visible(name), 24)
    label.encode()  # no lone surrogates: it has to travel as JSON


@given(NAMES, st.integers(1, 40))
def test_a_label_never_outgrows_its_columns(name: str, columns: int):
    assert width_of(read(plot_label(name, columns))) <= columns
    assert "\n" not in plot_label(name, columns)


@given(NAMES)
def test_nothing_in_a_label_can_reorder_what_is_beside_it(name: str):
    label = plot_label(name)
    assert label.count("\u2068") == label.count("\u2069") <= 1
    inner = label.strip("\u2068\u2069")
    assert not re.search("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]", inner)
    if any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in inner):
        assert label[0] == "\u2068"
        assert label[-1] == "\u2069"


@given(NAMES)
def test_a_title_holds_the_whole_name(name: str):
    lines = plot_title(name).split("<br>")
    assert "".join(read(line) for line in lines) == visible(name)
    assert all(width_of(read(line)) <= 61 for line in lines)


@given(NAMES)
def test_a_name_is_always_something_to_see(name: str):
    shown = visible(name)
    assert shown.strip()
    hidden = {char for char in shown if unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs")}
    assert not hidden


@given(st.one_of(st.text(st.characters(codec="utf-8")), st.sampled_from(["", ".", "a.b", "~", "%total", "Øtotal", "·2E", '"]'])))
def test_a_uid_is_a_css_name_and_comes_back_as_its_key(key: str):
    uid = uid_of(key)
    assert re.fullmatch("[A-Za-z0-9_·-]+", uid)
    assert not is_own_uid(uid)
    assert key_of(uid) == key


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_different_keys_have_different_uids(one: str, other: str):
    assert (uid_of(one) == uid_of(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("app_22", "app_22"),
        ("\u202egnp.exe", "‹RLO›gnp.exe"),
        ("a\u200bb", "a‹ZWSP›b"),
        ("a\tb\n", "a␉b␊"),
        ("\x7f", "‹U+007F›"),
        ("", "‹empty›"),
        ("  ", "‹empty›"),
        ("\u3164", "‹U+3164›"),
        ("\ud800", "\ufffd"),
        ("e\u0301", "e\u0301"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 4 + "…"),
    ],
)
def test_what_hides_is_shown_by_name(name: str, shown: str):
    assert visible(name) == shown


@pytest.mark.parametrize("name", ["app_22", "performance-12x", "gru", "0a1b2c", "-"])
def test_an_ordinary_key_is_its_own_uid(name: str):
    assert uid_of(name) == name


def test_emoji_families_and_flags_stay_whole():
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    assert visible(family) == family
    assert shorten("abcdefgh" + family, 10) == "abcdefgh…"
    assert shorten("abcdef\U0001f1e9\U0001f1ea xyz", 9) == "abcdef\U0001f1e9\U0001f1ea…".replace("\U0001f1ea", "\U0001f1ea")
    england = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    assert visible(england) == england


def test_a_long_name_is_cut_with_an_ellipsis():
    assert shorten("x" * 500, 24) == "x" * 23 + "…"
    assert shorten("東京" * 20, 9) == "東京東京…"  # four wide characters are eight columns


def test_markup_is_shown_as_written():
    assert escape("<b>&") == "&lt;b&gt;&amp;"
    assert escape("%{y}") == "&#37;&#123;y&#125;"


def test_a_label_is_given_its_room():
    assert label_px("x" * 500, 18) == label_px("x" * 18, 18)
    assert label_px("gru") < label_px("performance-12x")
