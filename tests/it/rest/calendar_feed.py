"""Reads a calendar from stdin and writes to stdout what a calendar program would show of it.

Argument: seconds up to which series are followed. Stdout: JSON, by UID
{sequence, all_day, occurrences: [[start in seconds or a date, summary], …]}.
"""

import json
import sys
from datetime import datetime

from dateutil.rrule import rruleset, rrulestr
from icalendar import Calendar


def listed(component, name):
    """All values of a property that may come several times with several values."""
    values = component.get(name, [])
    values = values if isinstance(values, list) else [values]
    return [entry.dt for value in values for entry in getattr(value, "dts", [value])]


def key(moment):
    return int(moment.timestamp()) if isinstance(moment, datetime) else str(moment)


def starts(event, last):
    """Of the series itself, without what RECURRENCE-ID replaces."""
    first = event["DTSTART"].dt
    is_timed = isinstance(first, datetime)
    if "RRULE" not in event and "RDATE" not in event:
        return {key(first)}
    naive = first if is_timed else datetime.combine(first, datetime.min.time())
    found = rruleset()
    if "RRULE" in event:
        found.rrule(rrulestr(event["RRULE"].to_ical().decode(), dtstart=naive))
    shown = {key(first)}
    for moment in found:
        if (moment.timestamp() if is_timed else moment.replace(tzinfo=None).timestamp()) > last:
            break
        shown.add(key(moment if is_timed else moment.date()))
    shown |= {key(moment) for moment in listed(event, "RDATE")}
    return shown - {key(moment) for moment in listed(event, "EXDATE")}


calendar = Calendar.from_ical(sys.stdin.read())
last = int(sys.argv[1])
zones = {str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")}
events = calendar.walk("VEVENT")
answer = {}
for event in events:
    assert "DTSTAMP" in event and "LAST-MODIFIED" in event, event
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        if name in event and (zone := event[name].params.get("TZID")):
            assert zone in zones, zone
    if "RECURRENCE-ID" in event:
        continue
    occurrences = {start: str(event["SUMMARY"]) for start in starts(event, last)}
    for other in events:
        if other["UID"] == event["UID"] and "RECURRENCE-ID" in other:
            del occurrences[key(other["RECURRENCE-ID"].dt)]
            occurrences[key(other["DTSTART"].dt)] = str(other["SUMMARY"])
    answer[str(event["UID"])] = {
        "sequence": int(event["SEQUENCE"]),
        "all_day": not isinstance(event["DTSTART"].dt, datetime),
        "occurrences": sorted(occurrences.items(), key=str),
    }
json.dump(answer, sys.stdout)
