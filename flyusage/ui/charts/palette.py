"""Which colour a series has, the same in every view for a month.

Slots 0..9 are the ten series colours, 10..19 their tints. The ranking of the organization's last full month decides
who holds which, so that a region is the same blue in the explorer, the treemap and the invoice's chart.
"""

from collections.abc import Iterable, Mapping, Sequence

from flyusage.ui.charts.theme import Theme, mix

BASE_SLOTS = 10
SLOTS = 20

# A tint keeps half of its colour over the card: clear of both, and told apart from its neighbours by its label.
TINT_SHARE = 0.5
# Under text, a colour is only a wash, so that ink stays readable on it (4.5 : 1 in both themes).
WASH_SHARE, TINT_WASH_SHARE = 0.38, 0.2


def assign_slots(ranked: Sequence[str], previous: Mapping[str, int] | None = None) -> dict[str, int]:
    """The colour slot of each of the twenty largest keys, `ranked` largest first (the last full month's order).

    With `previous` (the month before's slots) a key that stays among the ten, or among the eleventh to twentieth,
    keeps its slot, and newcomers take the slots that came free: two regions that swap ranks do not swap colours.
    """
    slots: dict[str, int] = {}
    for first, keys in ((0, ranked[:BASE_SLOTS]), (BASE_SLOTS, ranked[BASE_SLOTS:SLOTS])):
        tier = range(first, first + BASE_SLOTS)
        kept = {key: previous[key] for key in keys if previous and previous.get(key) in tier}
        slots |= kept
        slots |= _fill((key for key in keys if key not in kept), tier, taken=set(kept.values()))
    return slots


def slots_for_view(assigned: Mapping[str, int], shown: Sequence[str]) -> dict[str, int]:
    """A slot for every key `shown`, largest first; those with an assigned slot keep it.

    A key outside the month's twenty borrows a slot that nobody in this view holds, the clearest first. Past twenty
    shown keys there is nothing to borrow: the rest get no slot, and `colour_of` draws them as "other".
    """
    kept = {key: assigned[key] for key in shown if key in assigned}
    return kept | _fill((key for key in shown if key not in kept), range(SLOTS), taken=set(kept.values()))


def colour_of(slot: int | None, theme: Theme) -> str:
    """The colour of a slot: a series colour, a tint of it from slot 10 on, or the grey of "other" for None."""
    if slot is None:
        return theme.other
    base = theme.series[slot % BASE_SLOTS]
    return base if slot < BASE_SLOTS else mix(base, theme.surface, TINT_SHARE)


def wash_of(slot: int | None, theme: Theme) -> str:
    """The colour of a slot as a ground for text, paler for the tints as they are."""
    if slot is None:
        return mix(theme.other, theme.surface, WASH_SHARE)
    return mix(theme.series[slot % BASE_SLOTS], theme.surface, WASH_SHARE if slot < BASE_SLOTS else TINT_WASH_SHARE)


def _fill(keys: Iterable[str], tier: Iterable[int], *, taken: set[int]) -> dict[str, int]:
    free = (slot for slot in tier if slot not in taken)
    return dict(zip(keys, free, strict=False))  # more keys than slots: the rest get none
