"""Compares VTIMEZONE components from stdin with Python's zoneinfo.

Stdin: a JSON list of calendars with one VTIMEZONE each. Arguments: the first and the last year. Stdout: what differs, as a list
of texts.
"""

import json
import sys
from bisect import bisect_right
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

FIRST, LAST = (int(year) for year in sys.argv[1:3])
BEGIN = datetime(FIRST, 1, 1, tzinfo=timezone.utc)
END = datetime(LAST + 1, 1, 1, tzinfo=timezone.utc)


def offset(text):
    sign = -1 if text[0] == "-" else 1
    hours, minutes, seconds = int(text[1:3]), int(text[3:5]), int(text[5:7] or 0)
    return sign * timedelta(hours=hours, minutes=minutes, seconds=seconds)


def onsets(lines):
    """When what an observance says begins to hold, as (time, offset, name)."""
    values = {}
    for line in lines:
        name, value = line.split(":", 1)
        values.setdefault(name, []).append(value)
    start = datetime.strptime(values["DTSTART"][0], "%Y%m%dT%H%M%S")
    before, after = offset(values["TZOFFSETFROM"][0]), offset(values["TZOFFSETTO"][0])
    found = {start}
    found |= {datetime.strptime(date, "%Y%m%dT%H%M%S") for date in values.get("RDATE", [])}
    for rule in values.get("RRULE", []):
        parts = dict(part.split("=") for part in rule.split(";"))
        until = parts.pop("UNTIL", None)
        end = END.replace(tzinfo=None)
        if until:
            end = min(end, datetime.strptime(until, "%Y%m%dT%H%M%SZ") + before)
        text = ";".join(f"{name}={value}" for name, value in parts.items())
        found |= set(rrulestr(text, dtstart=start).replace(until=end))
    return [((moment - before).replace(tzinfo=timezone.utc), after, values["TZNAME"][0]) for moment in found]


def compare(text):
    name, changes, lines = None, [], None
    for line in text.replace("\r\n ", "").splitlines():
        if line in ("BEGIN:STANDARD", "BEGIN:DAYLIGHT"):
            lines = []
        elif line in ("END:STANDARD", "END:DAYLIGHT"):
            changes += onsets(lines)
            lines = None
        elif line.startswith("TZID:"):
            name = line.removeprefix("TZID:")
        elif lines is not None:
            lines.append(line)
    changes.sort(key=lambda change: change[0])
    times = [change[0] for change in changes]
    zone = ZoneInfo(name)
    second = timedelta(seconds=1)
    probes = [time + move for time in times for move in (-second, timedelta(0))]
    probes += [BEGIN + timedelta(days=3, hours=1) * step for step in range((END - BEGIN) // timedelta(days=3, hours=1))]
    for probe in probes:
        if not BEGIN <= probe < END:
            continue
        place = bisect_right(times, probe) - 1
        theirs = probe.astimezone(zone).utcoffset()
        if place < 0 or changes[place][1] != theirs:
            ours = changes[place][1] if place >= 0 else "nothing"
            return [f"{name} at {probe}: {ours} here, {theirs} there"]
    return []


calendars = json.load(sys.stdin)
json.dump([difference for text in calendars for difference in compare(text)], sys.stdout)
