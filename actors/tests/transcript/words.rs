//! What the lines of a transcript mean.

use crate::trial::Kind;

/// Something that one of the cast does.
#[derive(Debug)]
pub enum Deed<'a> {
    Start(StartWords<'a>),
    /// Starts, connects and joins.
    Enter(StartWords<'a>),
    Connect {
        ticket: Option<usize>,
        resume_from: Option<u64>,
    },
    Command(&'a str),
    Close,
    Vanish,
    /// The socket outlives a restart of the room.
    GoOn {
        from: u64,
    },
}

#[derive(Debug, Default)]
pub struct StartWords<'a> {
    /// None: the token alone speaks for the caller.
    pub kind: Option<Kind>,
    pub invite: Option<&'a str>,
    pub groups: Vec<&'a str>,
    /// Where it comes from; as before without.
    pub network: Option<&'a str>,
    /// The user whom a guest is signed in as.
    pub signed_in: Option<&'a str>,
    /// The name of the breakout room's id.
    pub breakout: Option<&'a str>,
    pub token: Option<TokenWords<'a>>,
}

/// Whose token, and which; the newest without a number.
#[derive(Debug)]
pub enum TokenWords<'a> {
    Unknown,
    Of(Option<&'a str>, Option<usize>),
}

/// Who does something: a name and the number of the socket (the newest without).
pub fn actor(text: &str) -> Result<(&str, Option<usize>), String> {
    match text.split_once('/') {
        Some((name, socket)) => Ok((name, Some(number(socket)?))),
        None => Ok((text, None)),
    }
}

pub fn deed(text: &str) -> Result<Deed<'_>, String> {
    if text.starts_with('{') {
        return Ok(Deed::Command(text));
    }
    let words: Vec<_> = text.split(' ').collect();
    Ok(match &words[..] {
        ["close"] => Deed::Close,
        ["vanish"] => Deed::Vanish,
        ["go", "on", "from", number] => Deed::GoOn {
            from: number.parse().map_err(|_| "from which number?")?,
        },
        ["connect"] => Deed::Connect {
            ticket: None,
            resume_from: None,
        },
        ["connect", "ticket", ticket] => Deed::Connect {
            ticket: Some(number(ticket)?),
            resume_from: None,
        },
        ["connect", "from", number] => Deed::Connect {
            ticket: None,
            resume_from: Some(number.parse().map_err(|_| "from which number?")?),
        },
        ["resume", rest @ ..] => Deed::Start(resume(rest)?),
        ["enter", "again", rest @ ..] => Deed::Enter(resume(rest)?),
        ["enter", kind, rest @ ..] => Deed::Enter(start(kind, rest)?),
        ["start", kind, rest @ ..] => Deed::Start(start(kind, rest)?),
        _ => return Err("nobody can do that".to_owned()),
    })
}

fn start<'a>(kind: &str, mut rest: &[&'a str]) -> Result<StartWords<'a>, String> {
    let mut words = StartWords {
        kind: Some(Kind::parse(kind).ok_or_else(|| format!("who is {kind}?"))?),
        ..StartWords::default()
    };
    while let [word, after @ ..] = rest {
        match word.split_once('=') {
            Some(("invite", invite)) => words.invite = Some(invite),
            Some(("groups", groups)) => words.groups = groups.split(',').collect(),
            Some(("network", network)) => words.network = Some(network),
            Some(("signed_in", user)) => words.signed_in = Some(user),
            Some(("breakout", room)) => words.breakout = Some(room),
            None if *word == "with" => {
                words.token = Some(token(after)?);
                break;
            }
            _ => return Err(format!("start {word}?")),
        }
        rest = after;
    }
    Ok(words)
}

fn resume<'a>(words: &[&'a str]) -> Result<StartWords<'a>, String> {
    let (breakout, rest) = match words {
        ["into", room, rest @ ..] => (Some(*room), rest),
        rest => (None, rest),
    };
    let from = |word: &'a str| word.strip_prefix("network=");
    let (network, rest) = match rest {
        [before @ .., last] if from(last).is_some() => (from(last), before),
        rest => (None, rest),
    };
    Ok(StartWords {
        token: Some(token(rest)?),
        breakout,
        network,
        ..StartWords::default()
    })
}

fn token<'a>(words: &[&'a str]) -> Result<TokenWords<'a>, String> {
    Ok(match words {
        ["unknown", "token"] => TokenWords::Unknown,
        [] | ["token"] => TokenWords::Of(None, None),
        ["token", which] => TokenWords::Of(None, Some(number(which)?)),
        [whose, "token"] => TokenWords::Of(Some(whose), None),
        [whose, "token", which] => TokenWords::Of(Some(whose), Some(number(which)?)),
        _ => return Err("which token?".to_owned()),
    })
}

/// A number that counts from 1.
pub fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{text} does not count from 1")),
    }
}

/// `15s` or `500ms` in microseconds.
pub fn micros(text: &str) -> Result<i64, String> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1_000),
        None => (text.trim_end_matches('s'), 1_000_000),
    };
    let count: i64 = digits.parse().map_err(|_| format!("how long is {text}?"))?;
    Ok(count * unit)
}
