import pytest

from flyusage.ui.pages.account import browser_name


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
         "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 16; Pixel 9) Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.15.0", "curl/8.15.0"),
        ("", "A browser that does not say which"),
    ],
)  # fmt: skip
def test_browsers_are_named_as_people_do(words: str, name: str):
    assert browser_name(words) == name
