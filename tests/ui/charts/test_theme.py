import re
from dataclasses import fields
from pathlib import Path

import pytest

from flyusage.ui.charts.theme import DARK, LIGHT, TOKENS, Theme, mix, translucent

TOKENS_CSS = Path(__file__).parents[3] / "assets" / "tokens.css"


def declared(block: str) -> dict[str, str]:
    css = TOKENS_CSS.read_text(encoding="utf-8")
    body = re.search(re.escape(block) + r"\s*\{(.*?)\}", css, re.DOTALL)
    assert body, f"{block} is missing from tokens.css"
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", body[1]))


def tokens_of(theme: Theme) -> dict[str, str]:
    plain = {field.name.replace("_", "-"): getattr(theme, field.name) for field in fields(Theme) if field.name not in ("name", "series")}
    return plain | {f"s{rank}": colour for rank, colour in enumerate(theme.series, 1)}


@pytest.mark.parametrize(("theme", "block"), [(LIGHT, ":root"), (DARK, '[data-theme="dark"]')])
def test_themes_are_the_tokens_of_the_stylesheet(theme: Theme, block: str):
    assert tokens_of(theme) == declared(block)


def test_the_page_theme_names_every_token():
    assert all(value == f"var(--{name})" for name, value in tokens_of(TOKENS).items())


def test_mixing_is_resolved_for_colours_and_named_for_tokens():
    assert mix("#ff0000", "#ffffff", 0.5) == "#ff8080"  # (255, 127.5, 127.5), half to even
    assert mix("var(--s1)", "var(--surface)", 0.5) == "mix(var(--s1),var(--surface),0.5)"
    assert translucent("#102030", 0.4) == "rgba(16,32,48,0.4)"
    assert translucent("var(--s1)", 0.4) == "var(--s1)/0.4"
