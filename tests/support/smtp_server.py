"""A mail server that tells what it gets, as JSON lines on stdout; `email` and `icalendar` read the mails.

    smtp_server.py PORT

Lines on stdin say how it goes on; each is answered by {"mode": ...}:
    accept      takes mails
    refuse N    answers N to each mail
    hang        takes the data and never answers
    hold        takes the data, tells of the mail, and never answers
"""

import asyncio
import datetime
import email.policy
import json
import sys
import zoneinfo

import icalendar
from aiosmtpd.smtp import SMTP, AuthResult


def tell(value):
    print(json.dumps(value), flush=True)


class Handler:
    mode = "accept"

    async def handle_DATA(self, server, session, envelope):
        mode = Handler.mode
        if mode.startswith("refuse "):
            tell({"refused": envelope.rcpt_tos})
            return mode.removeprefix("refuse ") + " not now"
        if mode == "hang":
            tell({"hanging": envelope.rcpt_tos})
            await asyncio.sleep(3600)
        tell({"mail": read(envelope)})
        if mode == "hold":
            await asyncio.sleep(3600)
        return "250 taken"


def read(envelope):
    mail = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    return {
        "envelope_from": envelope.mail_from,
        "envelope_to": envelope.rcpt_tos,
        "headers": [[name.lower(), str(value)] for name, value in mail.items()],
        "lines_max": max(len(line) for line in envelope.original_content.split(b"\r\n")),
        "bare_line_ends": envelope.original_content.replace(b"\r\n", b"").count(b"\n"),
        "structure": structure(mail),
        "defects": [str(defect) for part in mail.walk() for defect in part.defects],
        "parts": [read_part(part) for part in leaves],
    }


def structure(part):
    kind = part.get_content_type()
    return [kind] + [structure(child) for child in part.iter_parts()] if part.is_multipart() else kind


def read_part(part):
    content = part.get_content()
    kind = part.get_content_type()
    bytes_ = content.encode() if isinstance(content, str) else content
    is_calendar = kind in ("text/calendar", "application/ics")
    return {
        "kind": kind,
        "parameters": dict(part["content-type"].params),
        "file": part.get_filename(),
        "text": bytes_.decode(),
        "calendar": read_calendar(part.get_payload(decode=True)) if is_calendar else None,
    }


def read_calendar(octets):
    calendar = icalendar.Calendar.from_ical(octets)
    assert all(len(line) <= 75 for line in octets.split(b"\r\n")), "a line is too long"
    assert b"\n" not in octets.replace(b"\r\n", b""), "a line has no CR LF"
    return {
        "method": str(calendar["METHOD"]),
        "errors": [str(error) for part in calendar.walk() for error in part.errors],
        "events": [read_event(event) for event in calendar.walk("VEVENT")],
        "wrong_offsets": {str(zone["TZID"]): wrong_offsets(zone, first_year(calendar)) for zone in calendar.walk("VTIMEZONE")},
    }


KNOWN = {}


def first_year(calendar):
    """The year of the first event: what was before need not be described."""
    return min(event["DTSTART"].dt.year for event in calendar.walk("VEVENT"))


def wrong_offsets(component, year):
    """The same for the same description: it takes a second."""
    key = (component.to_ical(), year)
    if key not in KNOWN:
        KNOWN[key] = compared(component, year)
    return KNOWN[key]


def compared(component, year):
    """Where the zone as it is described differs from the zone as this machine knows it, in ten years."""
    described = component.to_tz(lookup_tzid=False)
    known = zoneinfo.ZoneInfo(str(component["TZID"]))
    hour = datetime.timedelta(hours=1)
    at = datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc)
    wrong = []
    while at.year < year + 10:
        local = at.astimezone(known)
        # The hour that comes twice can't be told apart by the described zone.
        is_doubtful = local.utcoffset() != (local - hour).utcoffset() or local.utcoffset() != (at + hour).astimezone(known).utcoffset()
        plain = local.replace(tzinfo=described)
        if not is_doubtful and plain.utcoffset() != local.utcoffset():
            wrong.append(local.isoformat())
        at += 7 * hour
    return wrong[:5]


def moment(property_):
    return property_.dt.isoformat() if property_ is not None else None


def read_event(event):
    exdates = event.get("EXDATE", [])
    exdates = exdates if isinstance(exdates, list) else [exdates]
    attendees = event.get("ATTENDEE", [])
    attendees = attendees if isinstance(attendees, list) else [attendees]
    return {
        "uid": str(event["UID"]),
        "sequence": int(event["SEQUENCE"]),
        "stamp": moment(event["DTSTAMP"]),
        "start": moment(event.get("DTSTART")),
        "start_zone": event["DTSTART"].params.get("TZID") if "DTSTART" in event else None,
        "end": moment(event.get("DTEND")),
        "recurrence_id": moment(event.get("RECURRENCE-ID")),
        "rule": event["RRULE"].to_ical().decode() if "RRULE" in event else None,
        "exdates": [moment(date) for list_ in exdates for date in list_.dts],
        "summary": str(event["SUMMARY"]),
        "description": str(event.get("DESCRIPTION", "")),
        "location": str(event.get("LOCATION", "")),
        "status": str(event["STATUS"]),
        "organizer": str(event.get("ORGANIZER", "")),
        "attendees": [str(attendee) for attendee in attendees],
    }


async def main(port):
    loop = asyncio.get_running_loop()
    # Whoever logs in is let in, in clear too; nobody must.
    login = {"authenticator": lambda *_: AuthResult(success=True), "auth_require_tls": False}
    server = lambda: SMTP(Handler(), hostname="smtp.test", enable_SMTPUTF8=True, **login)
    await loop.create_server(server, "127.0.0.1", port)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    tell({"mode": Handler.mode})
    # The end of stdin is the end of the test.
    while line := await orders.readline():
        Handler.mode = line.decode().strip()
        tell({"mode": Handler.mode})


asyncio.run(main(int(sys.argv[1])))
