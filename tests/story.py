"""What the browser tests look at: Prism's and Rival's events of six weeks, at 2026-11-15 00:00 UTC.

Prism, October (31 days = 744 h) and November until the 15th (336 h), every machine at its size's preset memory:

    web    dfw  performance-1x  3 machines, all the time                 2,232 h in October, 1,008 h in November
    api    fra  shared-cpu-2x   2 machines, all the time; 4 more          1,488 h            672 h + 4 × 132 h = 1,200 h
                                since Nov 9, 12:00
    batch  gru  performance-2x  1 machine, 02:00 to 06:00 every day         124 h             56 h
    HOSTILE nrt shared-cpu-1x   1 machine since Nov 1                          0 h            336 h
"""

from collections.abc import Iterator

from factories import Event, deployed, egress_reported, ipv4_allocated, started, stopped, volume_created

NOW = "2026-11-15T00:00:00Z"
HOSTILE = '<img src=x onerror=alert(1)> %{y} =SUM(A1) \u202eright to left\u202c 😀 & "quotes"'


def prism() -> Iterator[Event]:
    """Prism's events in no particular order."""
    for number in range(3):
        yield started(f"web-{number}", "2026-10-01T00:00:00Z", app="web", region="dfw")
    for number in range(6):
        begins = "2026-10-01T00:00:00Z" if number < 2 else "2026-11-09T12:00:00Z"
        yield started(f"api-{number}", begins, vm_size="shared-cpu-2x", memory_mb=512, app="api", region="fra")
    for day in _days():
        yield started("batch-0", f"{day}T02:00:00Z", vm_size="performance-2x", memory_mb=4096, app="batch", region="gru")
        yield stopped("batch-0", f"{day}T06:00:00Z", rootfs_gb=8, app="batch", region="gru")
    yield started("odd-0", "2026-11-01T00:00:00Z", vm_size="shared-cpu-1x", memory_mb=256, app=HOSTILE, region="nrt")
    yield deployed("api", "2026-11-09T11:58:00Z", version="v2", region="fra")
    yield volume_created("vol-0", "2026-10-01T00:00:00Z", gb=40, app="web", region="dfw")
    yield ipv4_allocated("203.0.113.7", "2026-10-01T00:00:00Z", app="web", region="dfw")
    for day in _days():
        yield egress_reported("web-0", f"{day}T00:00:00Z", f"{day}T23:00:00Z", count=2 * 10**9, app="web", region="dfw")


def rival() -> Iterator[Event]:
    """One machine of an organization that Prism's people must never see."""
    yield started("secret-0", "2026-11-01T00:00:00Z", org="rival", app="secret", region="lhr")


def _days() -> Iterator[str]:
    yield from (f"2026-10-{day:02d}" for day in range(1, 32))
    yield from (f"2026-11-{day:02d}" for day in range(1, 15))
