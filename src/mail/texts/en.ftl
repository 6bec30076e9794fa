subject-invite = Invitation: { $title }
subject-update = Changed: { $title }
subject-cancel = Cancelled: { $title }
subject-uninvite = Invitation withdrawn: { $title }

hello = Hello { $name },
hello-nobody = Hello,

intro-invite = { $organizer } invites you to a meeting.
intro-invite-instance = { $organizer } invites you to one date of a recurring meeting.
intro-update = { $organizer } has changed a meeting to which you are invited.
intro-update-instance = { $organizer } has changed one date of a recurring meeting to which you are invited.
intro-cancel = { $organizer } has cancelled a meeting to which you were invited.
intro-cancel-instance = { $organizer } has cancelled one date of a recurring meeting to which you are invited.
intro-uninvite = { $organizer } has withdrawn your invitation to a meeting.
intro-uninvite-instance = { $organizer } has withdrawn your invitation to one date of a recurring meeting.

label-title = Meeting
label-when = When
label-instead-of = Instead of
label-repeats = Repeats
label-organizer = Organiser
label-join = Join
label-password = Password
label-telephone = By telephone
label-call-in-id = Meeting ID
label-call-in-pin = PIN

reason = You get this because { $inviter } invited you.
reason-nobody = You get this because somebody invited you.
label-report = Report misuse to
label-unsubscribe = No more mail of this kind

refusal-title = Mail about meetings
refusal-question = Do you want no more mail from this server about meetings to which somebody invites your address? Nobody is told of it.
refusal-button = Send me no more mail
refusal-done = Your address gets no more mail about meetings from this server.
refusal-back-button = Send me mail again
refusal-undone = Your address gets mail about meetings again.
refusal-wrong = This link is not complete. Please use the link in the mail as a whole.

any-time = at any time
repeats-daily = { $interval ->
    [1] every day
   *[other] every { $interval } days
}
repeats-weekly = { $interval ->
    [1] every week
   *[other] every { $interval } weeks
}
repeats-monthly = { $interval ->
    [1] every month
   *[other] every { $interval } months
}
repeats-yearly = { $interval ->
    [1] every year
   *[other] every { $interval } years
}
repeats-otherwise = on several dates

date = { $weekday }, { $day } { $month } { $year }
days = { $first } – { $last }
times-of-day = { $date }, { $start }–{ $end } ({ $zone })
times-of-days = { $start-date }, { $start } ({ $start-zone }) – { $end-date }, { $end } ({ $end-zone })
moment = { $date }, { $start } ({ $zone })

weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
weekday-7 = Sunday

month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
