"""Reads calendars from stdin and writes what takes place to stdout, as `icalendar` with `recurring-ical-events` finds it.

Stdin: a JSON list of {text, from, to}; times in seconds. Stdout: a list of sorted lists of [beginning, end, summary], in
seconds, or dates as "20270131" for whole days; a text instead of a list where a calendar can't be read.
"""

import json
import sys
from datetime import datetime, timezone

import icalendar
import recurring_ical_events


def shown(moment):
    if isinstance(moment, datetime):
        return int(moment.timestamp())
    return moment.strftime("%Y%m%d")


def read(question):
    calendar = icalendar.Calendar.from_ical(question["text"])
    broken = [component.errors for component in calendar.walk() if component.errors]
    if broken:
        return f"errors: {broken}"
    begin, end = (datetime.fromtimestamp(question[name], timezone.utc) for name in ("from", "to"))
    found = recurring_ical_events.of(calendar).between(begin, end)
    entries = []
    for event in found:
        if event.get("STATUS") == "CANCELLED":
            continue
        entries.append([shown(event.start), shown(event.end), str(event.get("SUMMARY"))])
    return sorted(entries, key=str)


def answer(question):
    try:
        return read(question)
    except Exception as error:  # Whatever it is, the test shows it.
        return f"{type(error).__name__}: {error}"


json.dump([answer(question) for question in json.load(sys.stdin)], sys.stdout)
