"""Names in cells that a spreadsheet opens: none of them may become a formula, and each must come back as it was."""

FORMULA_SIGNS = ("=", "+", "-", "@")
QUOTE = "'"


def guarded(text: str) -> str:
    """`text` as a cell that no spreadsheet runs: `=1+1` and what begins with a control character get a ' in front."""
    return QUOTE + text if _is_risky(text) or _is_guarded(text) else text


def unguarded(cell: str) -> str:
    """The text behind a cell: the opposite of `guarded`. A ' before anything harmless is the text's own ('tis)."""
    return cell[1:] if _is_guarded(cell) else cell


def _is_risky(text: str) -> bool:
    return text.startswith(FORMULA_SIGNS) or (text != "" and not text[0].isprintable())


def _is_guarded(text: str) -> bool:
    """Whether a ' in front would be taken away again."""
    return text.startswith(QUOTE) and (_is_risky(text[1:]) or text[1:].startswith(QUOTE))
