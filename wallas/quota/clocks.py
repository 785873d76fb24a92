"""When a window of quota resets: pure functions of an instant, in epoch seconds."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def next_midnight(now: float, zone: str = "UTC") -> float:
    """Return the epoch second at which the next day begins in ``zone``, also across a change of summer time."""
    place = UTC if zone.lower() == "utc" else ZoneInfo(zone)
    today = datetime.fromtimestamp(now, place).date()
    tomorrow = today + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=place).timestamp()


def next_month(now: float) -> float:
    """Return the epoch second at which the next month begins, UTC."""
    today = datetime.fromtimestamp(now, UTC)
    year, month = divmod(today.year * 12 + today.month, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC).timestamp()
