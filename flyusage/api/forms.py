"""How texts in requests are written: the patterns of the API's document, and the same in words, for whoever wrote one otherwise."""

MOMENT = r"^[0-9]{4}-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?$"
DAY = r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$"
MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"
RANGE = r"^(24h|7d|30d|this-month|last-month|3-months|13-months|all|20[0-9]{2}-(0[1-9]|1[0-2]))$"
AMOUNT = r"^[0-9]{1,9}(\.[0-9]{1,4})?$"
BUDGET = r"^[0-9]{1,12}(\.[0-9]{1,3})?$"
ZONE = r"^-?[0-9]{2}:[0-9]{2}$"
RANGE_NAME = r"^[0-9a-z-]{1,20}$"
VISIBLE = r"^[!-~]{0,200}$"
NO_NUL = r"^[^\x00]*$"

IN_WORDS = {
    MOMENT: "Write a moment as 2026-10-20T14:00:00Z, 2026-10-20 or 2026-10",
    DAY: "Write a day as 2026-10-20, of 2000 or later",
    MONTH: "Write a month as 2026-10, of 2000 or later",
    RANGE: "Write 24h, 7d, 30d, this-month, last-month, 3-months, 13-months or all, or a month as 2026-10, of 2000 or later",
    RANGE_NAME: "Write a range as 30d, last-month or 2026-10",
    VISIBLE: "Write up to 200 visible characters of ASCII, without a space",
    AMOUNT: "Write an amount as 144 or 144.50",
    BUDGET: "Write an amount as 500 or 499.99",
    ZONE: "Write how far the zone is ahead of UTC, as 05:30 or -03:00",
    NO_NUL: "It may hold no NUL",
}
