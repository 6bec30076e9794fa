"""Reads series from stdin and writes their occurrences to stdout, as python-dateutil finds them.

Stdin: a JSON list of {lines, start, end, zone, all_day, skipped}; start and end in seconds, skipped: the time of a start that
its zone's clocks left out. Stdout: a list of lists of seconds.
"""

import datetime as clock
import json
import sys
import warnings
from datetime import datetime, time, timezone
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

# dateutil frowns on an end beside COUNT.
warnings.simplefilter("ignore")


def read(text, zone):
    """A date or a time as iCalendar writes it; what is not UTC is in the zone."""
    if text.endswith("Z"):
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    if "T" in text:
        return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=zone)
    return datetime.strptime(text, "%Y%m%d").date()


class Series:
    def __init__(self, case):
        self.zone = ZoneInfo(case["zone"])
        self.first = case["start"]
        self.last = case["end"]
        self.start = datetime.fromtimestamp(self.first, self.zone).replace(fold=0)
        if case["skipped"]:
            # The others begin when the first one was meant to.
            self.start = datetime.fromisoformat(case["skipped"]).replace(tzinfo=self.zone)
        if case["all_day"]:
            # Where midnight is skipped, the first day begins later than the others.
            self.start = self.start.replace(hour=0, minute=0)

    def seconds(self, moment):
        """RFC 5545, 3.3.5: Python's fold=0 means the offset before a gap and the first of two equal times."""
        if moment.replace(tzinfo=None) == self.start.replace(tzinfo=None) and moment.tzinfo is self.zone:
            return self.first
        return int(moment.timestamp())

    def rule(self, text):
        parts = dict(part.split("=") for part in text.split(";"))
        end = datetime.fromtimestamp(self.last, timezone.utc)
        if until := parts.pop("UNTIL", None):
            until = read(until, self.zone)
            if not isinstance(until, datetime):
                until = datetime.combine(until, time(23, 59, 59), self.zone)
            end = min(end, datetime.fromtimestamp(self.seconds(until), timezone.utc))
        # dateutil looks at the end of a rule only when the rule matches; at this one always.
        clock.MAXYEAR = end.year
        text = ";".join(f"{name}={value}" for name, value in parts.items())
        rule = rrulestr(text, dtstart=self.start).replace(until=end)
        found = (self.seconds(moment) for moment in rule)
        return {at for at in found if self.first <= at <= end.timestamp()}

    def dates(self, parameters, text):
        zone = self.zone
        for parameter in parameters:
            name, value = parameter.split("=")
            if name == "TZID" and value != self.zone.key:
                zone = ZoneInfo(value)
        return [read(value, zone) for value in text.split(",")]

    def occurrences(self, lines):
        added, removed, removed_days, has_rule = set(), set(), set(), False
        for line in lines:
            head, value = line.split(":", 1)
            name, *parameters = head.split(";")
            if name == "RRULE":
                has_rule = True
                added |= self.rule(value)
            elif name == "EXRULE":
                removed |= self.rule(value)
            else:
                for date in self.dates(parameters, value):
                    is_day = not isinstance(date, datetime)
                    if is_day and name == "EXDATE":
                        removed_days.add(date)
                        continue
                    if is_day:
                        date = datetime.combine(date, self.start.time(), self.zone)
                    (added if name == "RDATE" else removed).add(self.seconds(date))
        if not has_rule:
            added.add(self.first)
        kept = (at for at in added - removed if self.first <= at <= self.last)
        return sorted(at for at in kept if datetime.fromtimestamp(at, self.zone).date() not in removed_days)


cases = json.load(sys.stdin)
json.dump([Series(case).occurrences(case["lines"]) for case in cases], sys.stdout)
