"""A whole day by an injected clock, over real sockets: providers that keep true quotas, each in its own dialect."""

import datetime
from collections import Counter
from zoneinfo import ZoneInfo

from tests.fakes import headers, say, status
from tests.quota.inside import inside
from tests.quota.kit import Hands
from wallas.quota.clocks import DAY, HOUR

PACIFIC = ZoneInfo("America/Los_Angeles")
LONG_DAY = datetime.datetime(2026, 11, 1, tzinfo=PACIFIC).timestamp()
"""The midnight at which a day of 25 hours begins."""
STEP = 240.0


class Quota:
    """A provider's own count of the calls it answers, by the same clock as the gateway's."""

    def __init__(self, hands: Hands, most: int, answer) -> None:
        self.hands = hands
        self.most = most
        self.answer = answer
        self.served: list[float] = []
        self.refused: list[float] = []

    def __call__(self, request):
        if request.method != "POST":
            return (status(404),)
        return self.answer(self)

    def room(self, since: float) -> int:
        return self.most - sum(at >= since for at in self.served)

    def serve(self, *steps):
        self.served.append(self.hands.now)
        return (*steps, say("Hi."))

    def refuse(self, *steps):
        self.refused.append(self.hands.now)
        return steps


def pacific_day(quota):
    """Google: so many a day from midnight to midnight there; no headers, and a delay that misleads."""
    today = datetime.datetime.fromtimestamp(quota.hands.now, PACIFIC).date()
    since = datetime.datetime(today.year, today.month, today.day, tzinfo=PACIFIC).timestamp()
    if quota.room(since) > 0:
        return quota.serve()
    violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": str(quota.most)}
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"},
    ]
    said = {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": details}
    return quota.refuse(status(429, {"error": said}))


def rolling_day(quota):
    """Groq: so many in any 24 hours; every answer says how many are left."""
    room = quota.room(quota.hands.now - DAY)
    fields = {"x-ratelimit-limit-requests": quota.most, "x-ratelimit-remaining-requests": max(room - 1, 0)}
    fields["x-ratelimit-reset-requests"] = f"{int(DAY / quota.most)}s"
    told = {name.replace("-", "_"): str(value) for name, value in fields.items()}
    if room > 0:
        return quota.serve(headers(**told))
    said = "on requests per day (RPD): Limit {0}, Used {0}, Requested 1. Please try again in 30m0s."
    return quota.refuse(status(429, {"error": {"message": said.format(quota.most)}}, fields))


def utc_hour(quota):
    """Somebody who says only how long to wait: so many from one full hour to the next."""
    since = quota.hands.now // HOUR * HOUR
    if quota.room(since) > 0:
        return quota.serve()
    left = {"retry-after": str(int(since + HOUR - quota.hands.now) + 1)}
    return quota.refuse(status(429, {"error": {"message": "Too many requests"}}, left))


def unlimited(quota):
    return quota.serve()


ANSWERS = {
    "gemini": (20, pacific_day),
    "groq": (100, rolling_day),
    "sambanova": (6, utc_hour),
    "nvidia": (0, unlimited),
}
ORDER = f'[profiles.mine]\nmodels = {[f"{name}/m" for name in ANSWERS]}\nstrategy = "order"\n'


def test_a_day_of_25_hours_and_an_hour_more_is_served_whole_and_meets_few_limits(tmp_path):
    hands = Hands(LONG_DAY - HOUR / 2)
    with inside(tmp_path, list(ANSWERS), more=ORDER) as gate:
        quotas = {name: Quota(hands, most, answer) for name, (most, answer) in ANSWERS.items()}
        for name, fake in gate.fakes.items():
            fake.otherwise = quotas[name]
        gate.tell(hands)
        statuses: Counter[int] = Counter()
        while hands.now < LONG_DAY + 26 * HOUR:
            hands.now += STEP
            statuses[gate.ask("mine").status_code] += 1
            gate.service.quota.ledger.tick()
        total = sum(statuses.values())
        rests = list(gate.service.health.rests.values())
        assert statuses == {200: total} and total >= 390
        days = [LONG_DAY, LONG_DAY + 25 * HOUR]
        gemini = quotas["gemini"]
        assert sum(days[0] <= at < days[1] for at in gemini.served) == 20
        assert min(at for at in gemini.served if at >= days[1]) <= days[1] + 2 * STEP
        assert sum(days[0] <= at < days[1] for at in gemini.refused) <= 5
        assert quotas["groq"].refused == [] or len(quotas["groq"].refused) <= 2
        assert len(quotas["groq"].served) >= 95
        assert len(quotas["sambanova"].refused) <= 27, "an hour's limit that nobody names is met once an hour at most"
        assert all(rest.until <= hands.now + DAY for rest in rests)
