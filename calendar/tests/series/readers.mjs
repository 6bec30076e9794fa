// Reads calendars from stdin and writes what takes place to stdout, as ical.js finds it, the parser of Thunderbird and Nextcloud.
// The same questions and answers as those of readers.py. The first argument is the folder of node's packages.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import vm from "node:vm";

const { default: ICAL } = await import(pathToFileURL(`${process.argv[2]}/ical.js/dist/ical.js`));

const shown = (time) =>
  time.isDate ? time.toICALString().replaceAll("-", "") : time.convertToZone(ICAL.Timezone.utcTimezone).toUnixTime();

function occurrences(event, end) {
  const found = [];
  const iterator = event.iterator();
  for (let next = iterator.next(); next; next = iterator.next()) {
    // A day more: exceptions are looked at by when they would have begun.
    if (next.toUnixTime() > end + 2 * 86400) break;
    found.push(event.getOccurrenceDetails(next));
  }
  return found;
}

function read({ text, from, to }) {
  const calendar = new ICAL.Component(ICAL.parse(text));
  ICAL.TimezoneService.reset();
  for (const zone of calendar.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(zone);
  const events = calendar.getAllSubcomponents("vevent").map((component) => new ICAL.Event(component));
  const main = events.find((event) => !event.isRecurrenceException());
  const exceptions = events.filter((event) => event.isRecurrenceException());
  exceptions.forEach((event) => main.relateException(event));
  const details = main.isRecurring() ? occurrences(main, to) : [main.getOccurrenceDetails(main.startDate)];
  const entries = details.map(({ startDate, endDate, item }) => [shown(startDate), shown(endDate), item.summary]);
  return entries;
}

// Some rules keep ical.js busy for ever; 4,000 dates of RDATE do so for a second.
const script = new vm.Script("readQuestion()");

function answer(question) {
  try {
    globalThis.readQuestion = () => read(question);
    return script.runInThisContext({ timeout: 30_000 });
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

const questions = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(questions.map(answer)));
