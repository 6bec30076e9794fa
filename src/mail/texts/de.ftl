subject-invite = Einladung: { $title }
subject-update = Geändert: { $title }
subject-cancel = Abgesagt: { $title }
subject-uninvite = Einladung zurückgezogen: { $title }

hello = Hallo { $name },
hello-nobody = Hallo,

intro-invite = { $organizer } lädt Sie zu einer Besprechung ein.
intro-invite-instance = { $organizer } lädt Sie zu einem Termin einer wiederkehrenden Besprechung ein.
intro-update = { $organizer } hat eine Besprechung geändert, zu der Sie eingeladen sind.
intro-update-instance = { $organizer } hat einen Termin einer wiederkehrenden Besprechung geändert, zu der Sie eingeladen sind.
intro-cancel = { $organizer } hat eine Besprechung abgesagt, zu der Sie eingeladen waren.
intro-cancel-instance = { $organizer } hat einen Termin einer wiederkehrenden Besprechung abgesagt, zu der Sie eingeladen sind.
intro-uninvite = { $organizer } hat Ihre Einladung zu einer Besprechung zurückgezogen.
intro-uninvite-instance = { $organizer } hat Ihre Einladung zu einem Termin einer wiederkehrenden Besprechung zurückgezogen.

label-title = Besprechung
label-when = Wann
label-instead-of = Anstelle von
label-repeats = Wiederholung
label-organizer = Eingeladen von
label-join = Teilnehmen
label-password = Passwort
label-telephone = Per Telefon
label-call-in-id = Konferenz-ID
label-call-in-pin = PIN

reason = Sie erhalten diese Nachricht, weil { $inviter } Sie eingeladen hat.
reason-nobody = Sie erhalten diese Nachricht, weil Sie eingeladen wurden.
label-report = Missbrauch melden an
label-unsubscribe = Keine solchen Nachrichten mehr

refusal-title = Nachrichten über Besprechungen
refusal-question = Möchten Sie von diesem Server keine Nachrichten mehr über Besprechungen erhalten, zu denen jemand Ihre Adresse einlädt? Niemand erfährt davon.
refusal-button = Keine Nachrichten mehr senden
refusal-done = Ihre Adresse erhält von diesem Server keine Nachrichten über Besprechungen mehr.
refusal-back-button = Wieder Nachrichten senden
refusal-undone = Ihre Adresse erhält wieder Nachrichten über Besprechungen.
refusal-wrong = Dieser Link ist nicht vollständig. Bitte verwenden Sie den ganzen Link aus der Nachricht.

any-time = jederzeit
repeats-daily = { $interval ->
    [1] jeden Tag
   *[other] alle { $interval } Tage
}
repeats-weekly = { $interval ->
    [1] jede Woche
   *[other] alle { $interval } Wochen
}
repeats-monthly = { $interval ->
    [1] jeden Monat
   *[other] alle { $interval } Monate
}
repeats-yearly = { $interval ->
    [1] jedes Jahr
   *[other] alle { $interval } Jahre
}
repeats-otherwise = an mehreren Terminen

date = { $weekday }, { $day }. { $month } { $year }
days = { $first } – { $last }
times-of-day = { $date }, { $start }–{ $end } Uhr ({ $zone })
times-of-days = { $start-date }, { $start } Uhr ({ $start-zone }) – { $end-date }, { $end } Uhr ({ $end-zone })
moment = { $date }, { $start } Uhr ({ $zone })

weekday-1 = Montag
weekday-2 = Dienstag
weekday-3 = Mittwoch
weekday-4 = Donnerstag
weekday-5 = Freitag
weekday-6 = Samstag
weekday-7 = Sonntag

month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember
