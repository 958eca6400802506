"""The frame of mails: one narrow column that reads in light and dark, on a phone, and without any style at all. Pure.

Mail programs drop stylesheets at will: what matters stands in attributes, and the `<style>` only adds the dark colours and the phone.
"""

from collections.abc import Iterable
from html import escape

LONGEST_SHOWN = 80
FONT = "font-family:Inter,system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
INK, QUIET, LINE, PAPER, GROUND, ACCENT = "#1d1a2b", "#5a5568", "#e6e2da", "#ffffff", "#fbfaf8", "#5426d1"
TONES = {"up": "#b4441f", "down": "#1d7a4f", "same": QUIET}
_STYLE = """
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .ground { background: #14121c !important; } .paper { background: #1c1927 !important; border-color: #2d2939 !important; }
  .ink, .ink * { color: #f2eff8 !important; } .quiet { color: #b4adc4 !important; } .line { border-color: #2d2939 !important; }
  .line-fill { background: #2d2939 !important; }
  .ink .quiet, .ink .quiet * { color: #b4adc4 !important; }
  a.link, .ink a.link { color: #bda8ff !important; } a.button { background: #a487ff !important; color: #14121c !important; }
  .ink .up { color: #ff9d76 !important; } .ink .down { color: #67d4a3 !important; }
}
@media (max-width: 480px) { .paper { padding: 20px !important; } .figure { font-size: 30px !important; } }
"""


def plain(text: str) -> str:
    """Somebody else's text for a mail: on one line, shortened, without characters that turn or hide what stands beside them."""
    shown = one_line(text)
    return f"{shown[: LONGEST_SHOWN - 1]}…" if len(shown) > LONGEST_SHOWN else shown


def one_line(text: str) -> str:
    """The same in full length."""
    return "".join(one if one.isprintable() else "·" for one in text)


def html_name(text: str) -> str:
    """The same as HTML, whichever way it runs."""
    return f"<bdi>{escape(plain(text))}</bdi>"


def document(title: str, preview: str, parts: Iterable[str], foot: Iterable[str], *, stop: str | None = None) -> str:
    """A whole mail. `title`, `preview` and `foot` are text, `parts` HTML; `stop` is the address that ends such mails."""
    body = "".join(parts)
    ending = [link(stop, "Stop this mail")] if stop else []
    small = "".join(f'<p style="margin:0 0 6px">{one}</p>' for one in [*map(escape, foot), *ending])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title><style>{_STYLE}</style></head>'
        f'<body class="ground" style="margin:0;padding:0;background:{GROUND}">'
        f'<div style="display:none;max-height:0;overflow:hidden">{escape(preview)}</div>'
        f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="ground" style="background:{GROUND}"><tr>'
        f'<td align="center" style="padding:24px 12px"><table role="presentation" width="100%" cellpadding="0" cellspacing="0" '
        f'style="max-width:560px"><tr><td class="paper ink" style="{FONT};font-size:15px;line-height:1.5;color:{INK};background:{PAPER};'
        f'border:1px solid {LINE};border-radius:10px;padding:28px">{body}</td></tr>'
        f'<tr><td class="quiet" style="{FONT};font-size:12px;line-height:1.5;color:{QUIET};padding:16px 28px">{small}</td></tr>'
        f"</table></td></tr></table></body></html>\n"
    )


def title(text: str) -> str:
    """What a mail without a figure is about."""
    return f'<h1 style="margin:0 0 12px;font-size:21px;line-height:1.3;font-weight:650;letter-spacing:-0.01em">{escape(text)}</h1>'


def paragraph(text: str) -> str:
    """What it says."""
    return f'<p style="margin:0 0 12px;overflow-wrap:anywhere">{escape(text)}</p>'


def address(href: str) -> str:
    """The address of a button, for who cannot press it or wants to see where it leads."""
    return f'<p class="quiet" style="margin:16px 0 0;font-size:12px;overflow-wrap:anywhere;color:{QUIET}">{link(href, escape(href))}</p>'


def quiet(words: str) -> str:
    """A line of HTML above a figure: what it is of."""
    return f'<p class="quiet" style="margin:0;font-size:13px;color:{QUIET}">{words}</p>'


def figure(text: str) -> str:
    """What the mail is about, to be read first."""
    return (
        f'<h1 class="figure" style="margin:2px 0 4px;font-size:34px;line-height:1.15;font-weight:650;letter-spacing:-0.02em;'
        f'font-variant-numeric:tabular-nums">{escape(text)}</h1>'
    )


def tinted(text: str, *, is_over: bool) -> str:
    """A line below a figure."""
    tone = "up" if is_over else "same"
    return f'<p style="margin:0"><span class="{tone}" style="color:{TONES[tone]};font-weight:600">{escape(text)}</span></p>'


def bar(percent: int, *, is_over: bool) -> str:
    """How full something is, as two cells; what reads mails aloud passes over it."""
    full = max(1, min(100, percent))
    colour = TONES["up"] if is_over else ACCENT
    rest = (
        f'<td class="line-fill" style="background:{LINE};border-radius:0 4px 4px 0;font-size:0;line-height:8px">&nbsp;</td>'
        if full < 100
        else ""
    )
    return (
        f'<table role="presentation" aria-hidden="true" width="100%" cellpadding="0" cellspacing="0" style="margin:12px 0 0"><tr>'
        f'<td width="{full}%" style="background:{colour};border-radius:4px;height:8px;font-size:0;line-height:8px">&nbsp;</td>{rest}</tr></table>'
    )


def heading(text: str) -> str:
    """A part's heading."""
    return f'<h2 style="margin:24px 0 8px;font-size:13px;font-weight:600;line-height:1.4;color:{QUIET}" class="quiet">{escape(text)}</h2>'


def rows(lines: Iterable[tuple[str, str, str, str]]) -> str:
    """Lines of (what as HTML, why as HTML, amount as text, tone), amounts at the right."""
    cells = "".join(
        f'<tr><td class="line" style="padding:8px 12px 8px 0;border-top:1px solid {LINE};vertical-align:top;overflow-wrap:anywhere">{what}'
        + (f'<br><span class="quiet" style="font-size:13px;color:{QUIET}">{why}</span>' if why else "")
        + f'</td><td class="line" align="right" style="padding:8px 0;border-top:1px solid {LINE};vertical-align:top;white-space:nowrap;'
        f'font-variant-numeric:tabular-nums;font-weight:600">'
        f'<span class="{tone}" style="color:{TONES.get(tone, INK)}">{escape(amount)}</span></td></tr>'
        for what, why, amount, tone in lines
    )
    return f'<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse">{cells}</table>'


def facts(lines: Iterable[tuple[str, str]]) -> str:
    """Lines of (name, value as text): the names are ours and stay whole, so that on a phone it is a value that breaks."""
    cells = "".join(
        f'<tr><td class="line" style="padding:8px 12px 8px 0;border-top:1px solid {LINE};vertical-align:top;white-space:nowrap">{escape(name)}</td>'
        f'<td class="line" align="right" style="padding:8px 0;border-top:1px solid {LINE};vertical-align:top;overflow-wrap:anywhere;'
        f'font-variant-numeric:tabular-nums;font-weight:600">{escape(value)}</td></tr>'
        for name, value in lines
    )
    return f'<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse">{cells}</table>'


def link(href: str | None, words: str) -> str:
    """`words` (HTML) leading to `href`; without it the words alone."""
    return (
        words
        if href is None
        else f'<a class="link" href="{escape(href, quote=True)}" style="color:{ACCENT};text-decoration:none">{words}</a>'
    )


def button(href: str | None, words: str) -> str:
    """The one thing to do next; nothing without an address."""
    if href is None:
        return ""
    return (
        f'<p style="margin:24px 0 0"><a class="button" href="{escape(href, quote=True)}" style="display:inline-block;padding:10px 18px;'
        f'border-radius:7px;background:{ACCENT};color:#ffffff;font-weight:600;text-decoration:none">{escape(words)}</a></p>'
    )
