//! `colloquy users`: who has an account, and who is locked out.

use chrono::{DateTime, Utc};
use colloquy::{
    disabled_users::DisabledUsers,
    identity::ProfileClaims,
    store::users::{self, User},
};

use super::Shell;

on_both_databases!(Shell:
    users_are_listed_in_pages, a_user_is_shown, a_user_is_disabled_and_enabled,
    two_rows_become_one, rows_that_are_not_one_persons_stay_two, whoever_is_not_named_clearly_is_refused,
    whoever_is_no_user_is_a_service, bad_arguments_are_refused);

async fn person(shell: &Shell, subject: &str, name: &str, email: &str) -> User {
    let claims = ProfileClaims {
        name: Some(name.to_owned()),
        email: Some(email.to_owned()),
        ..ProfileClaims::default()
    };
    shell.log_in_as(subject, claims).await
}

async fn disabled_at(shell: &Shell, user: &User) -> Option<DateTime<Utc>> {
    let user = users::by_id(shell.db(), user.profile.id).await.expect("a query");
    user.expect("the user").disabled_at
}

async fn users_are_listed_in_pages(shell: &Shell) {
    assert_eq!(shell.prints(&["users", "list"]), "users: 0, page 1 of 1\n");
    let ada = person(shell, "1", "Ada", "ada@example.org").await;
    let bob = person(shell, "2", "Bob", "").await;
    // As names were stored once.
    let odd = "UPDATE users SET display_name = 'Bob\u{1b}[2J' WHERE subject = '2'";
    shell.0.execute(odd).await;
    let (ada, bob) = (ada.profile.id, bob.profile.id);
    // They came at the same time, so their ids decide who is first.
    let mut lines = [
        (ada, format!("{ada}  Ada <ada@example.org>\n")),
        (bob, format!("{bob}  Bob\u{fffd}[2J\n")),
    ];
    lines.sort();
    let [first, second] = lines.map(|(_, line)| line);
    assert_eq!(
        shell.prints(&["users", "list"]),
        format!("{first}{second}users: 2, page 1 of 1\n")
    );
    let page = |number: &'static str| ["users", "list", "--per-page", "1", "--page", number];
    assert_eq!(
        shell.prints(&page("1")),
        format!("{first}users: 2, page 1 of 2\n")
    );
    assert_eq!(
        shell.prints(&page("2")),
        format!("{second}users: 2, page 2 of 2\n")
    );
    assert_eq!(shell.prints(&page("3")), "users: 2, page 3 of 2\n");
    let found = shell.prints(&["users", "list", "--search", "ADA@ex"]);
    assert_eq!(
        found,
        format!("{ada}  Ada <ada@example.org>\nusers: 1, page 1 of 1\n")
    );
    assert_eq!(
        shell.prints(&["users", "list", "--search", "%"]),
        "users: 0, page 1 of 1\n"
    );
    shell.prints(&["users", "disable", "2"]);
    let disabled = shell.prints(&["users", "list", "--disabled"]);
    assert!(
        disabled.starts_with(&format!("{bob}  Bob\u{fffd}[2J  disabled since 20")),
        "{disabled}"
    );
    assert!(disabled.ends_with("Z\nusers: 1, page 1 of 1\n"), "{disabled}");
    let both = ["users", "list", "--disabled", "--search", "ada"];
    assert_eq!(shell.prints(&both), "users: 0, page 1 of 1\n");
}

async fn a_user_is_shown(shell: &Shell) {
    let ada = person(shell, "sub-1", "Ada", "Ada@Example.org").await;
    let id = ada.profile.id.to_string();
    let shown = shell.prints(&["users", "show", &id]);
    for line in [
        "Ada".to_owned(),
        format!("  id:                {id}"),
        "  e-mail:            Ada@Example.org".to_owned(),
        "  first name:        none".to_owned(),
        "  issuer:            https://issuer.example".to_owned(),
        "  subject:           sub-1".to_owned(),
        format!("  tenant:            {} (OIDC id: none)", ada.tenant_id),
        "  tariff:            Default".to_owned(),
        "  rooms:             0".to_owned(),
        "  first seen:        2027-01-15T08:00:00Z".to_owned(),
        "  disabled:          no".to_owned(),
    ] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "{line} is missing in {shown}"
        );
    }
    for name in ["ada@example.ORG", "sub-1", &id.to_uppercase(), " sub-1 "] {
        assert_eq!(shell.prints(&["users", "show", name]), shown, "{name}");
    }
    shell.prints(&["users", "disable", &id]);
    let shown = shell.prints(&["users", "show", &id]);
    assert!(shown.contains("\n  disabled:          since 20"), "{shown}");
}

async fn a_user_is_disabled_and_enabled(shell: &Shell) {
    let ada = person(shell, "1", "Ada", "ada@example.org").await;
    let bob = person(shell, "2", "Bob", "bob@example.org").await;
    let (id, title) = (ada.profile.id, "Ada <ada@example.org>");
    let command = |what: &'static str| ["users", what, "ada@example.org"];
    assert_eq!(
        shell.prints(&command("enable")),
        format!("Nothing to do: {title}, {id}, is not disabled.\n")
    );
    assert_eq!(
        shell.prints(&command("disable")),
        format!("Disabled {title}, {id}. Running servers follow within 10 seconds.\n")
    );
    let since = disabled_at(shell, &ada).await.expect("a time");
    let again = shell.prints(&command("disable"));
    assert!(
        again.starts_with(&format!("Nothing to do: {title}, {id}, is disabled since 20")),
        "{again}"
    );
    // The job that clears disabled users away counts from the first time.
    assert_eq!(disabled_at(shell, &ada).await, Some(since));
    assert_eq!(disabled_at(shell, &bob).await, None);
    // Nobody comes back by logging in.
    person(shell, "1", "Ada", "ada@example.org").await;
    assert_eq!(disabled_at(shell, &ada).await, Some(since));
    assert_eq!(
        shell.prints(&command("enable")),
        format!("Enabled {title}, {id}. Running servers follow within 10 seconds.\n")
    );
    assert_eq!(disabled_at(shell, &ada).await, None);
}

async fn two_rows_become_one(shell: &Shell) {
    let old = person(shell, "1", "Ada", "ada@example.org").await;
    let new = person(shell, "2", "Ada B.", "ada@example.org").await;
    let (kept, gone) = (old.profile.id, new.profile.id);
    let told = shell.prints(&["users", "merge", &kept.to_string(), "2"]);
    assert_eq!(
        told,
        format!(
            "Merged Ada B. <ada@example.org>, {gone}, into {kept}: Ada B. <ada@example.org>. Running servers follow within \
             10 seconds.\n"
        )
    );
    let shown = shell.prints(&["users", "show", "ada@example.org"]);
    for line in [
        format!("  id:                {kept}"),
        "  subject:           2".to_owned(),
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let third = person(shell, "3", "Ada C.", "").await;
    shell.prints(&["users", "disable", "3"]);
    let told = shell.prints(&["users", "merge", "2", &third.profile.id.to_string()]);
    assert!(told.contains(" It is disabled, as one of the two was."), "{told}");
    assert!(disabled_at(shell, &old).await.is_some());
    let again = shell.fails(&["users", "merge", "3", &gone.to_string()]);
    assert_eq!(
        again,
        format!("colloquy: there is no user `{gone}`; `colloquy users list` shows them")
    );
}

async fn rows_that_are_not_one_persons_stay_two(shell: &Shell) {
    let ada = person(shell, "1", "Ada", "ada@example.org").await.profile.id;
    let zoe = shell.log_in("2", Some("zeta"), None).await.profile.id;
    assert_eq!(
        shell.fails(&["users", "merge", "1", "ada@example.org"]),
        format!("colloquy: both are Ada <ada@example.org>, {ada}")
    );
    assert_eq!(
        shell.fails(&["users", "merge", "1", "2"]),
        format!("colloquy: {ada} and {zoe} are of two tenants; `colloquy users show` tells which")
    );
    assert_eq!(shell.status(&["users", "merge", "1"]), Some(2));
    let listed = shell.prints(&["users", "list"]);
    assert!(listed.ends_with("users: 2, page 1 of 1\n"), "{listed}");
}

async fn whoever_is_not_named_clearly_is_refused(shell: &Shell) {
    let one = person(shell, "1", "Ada", "ada@example.org").await;
    let other = person(shell, "2", "Bob", "ADA@example.org").await;
    // An id that is a subject too: the id wins, or nobody could be named by it any more.
    let id = one.profile.id.to_string();
    let third = person(shell, &id, "Carol", "").await;
    let refused = shell.refuses(&["users", "disable", "ada@example.org"]);
    let mut lines = refused.lines().skip_while(|line| !line.starts_with("colloquy: "));
    assert_eq!(
        lines.next(),
        Some("colloquy: `ada@example.org` may be several users; say by id which one:")
    );
    let mut listed: Vec<_> = lines.collect();
    listed.sort_unstable();
    let mut expected = [
        format!("{}  Ada <ada@example.org>  subject: 1", one.profile.id),
        format!("{}  Bob <ADA@example.org>  subject: 2", other.profile.id),
    ];
    expected.sort_unstable();
    assert_eq!(listed, expected);
    shell.prints(&["users", "disable", &id]);
    for (user, is_disabled) in [(&one, true), (&other, false), (&third, false)] {
        assert_eq!(disabled_at(shell, user).await.is_some(), is_disabled);
    }
    for name in [
        "nobody@example.org",
        "example.org",
        "%",
        "00000000-0000-4000-8000-000000000000",
    ] {
        for what in ["show", "enable"] {
            assert_eq!(
                shell.fails(&["users", what, name]),
                format!("colloquy: there is no user `{name}`; `colloquy users list` shows them")
            );
        }
    }
}

async fn whoever_is_no_user_is_a_service(shell: &Shell) {
    let gone = |name: &str| format!("colloquy: there is no user `{name}`; `colloquy users list` shows them");
    for name in ["nobody@example.org", "two words"] {
        assert_eq!(shell.fails(&["users", "disable", name]), gone(name));
    }
    assert_eq!(shell.fails(&["users", "enable", "svc-1"]), gone("svc-1"));
    let issuer = "http://127.0.0.1:11311/dev-issuer";
    assert_eq!(
        shell.prints(&["users", "disable", " svc-1 "]),
        format!(
            "No user is called `svc-1`. Disabled the service with this subject at {issuer}. \
             Running servers follow within 10 seconds.\n"
        )
    );
    let disabled = DisabledUsers::load(shell.db(), &[]).await.expect("a look");
    assert!(disabled.has_subject(issuer, "svc-1"));
    assert!(!disabled.has_subject("https://issuer.example", "svc-1"));
    let again = shell.prints(&["users", "disable", "svc-1"]);
    let told = "Nothing to do: the service with the subject `svc-1` is disabled since 20";
    assert!(again.starts_with(told), "{again}");
    let listed = shell.prints(&["users", "list", "--disabled"]);
    let told = format!("users: 0, page 1 of 1\nservices: 1\nsvc-1  of {issuer}  disabled since 20");
    assert!(listed.starts_with(&told), "{listed}");
    assert_eq!(shell.prints(&["users", "list"]), "users: 0, page 1 of 1\n");
    assert_eq!(
        shell.prints(&["users", "enable", "svc-1"]),
        "Enabled the service with the subject `svc-1`. Running servers follow within 10 seconds.\n"
    );
    let disabled = DisabledUsers::load(shell.db(), &[]).await.expect("a look");
    assert!(!disabled.has_subject(issuer, "svc-1"));
    // A user is meant before a service.
    let ada = person(shell, "svc-2", "Ada", "").await;
    shell.prints(&["users", "disable", "svc-2"]);
    assert!(disabled_at(shell, &ada).await.is_some());
}

async fn bad_arguments_are_refused(shell: &Shell) {
    person(shell, "1", "Ada", "").await;
    let long = "x".repeat(256);
    let told = "colloquy: nobody has a name or an address of more than 255 characters";
    assert_eq!(shell.fails(&["users", "show", &long]), told);
    assert_eq!(shell.fails(&["users", "list", "--search", &long]), told);
    // Not whoever has no address.
    assert_eq!(
        shell.fails(&["users", "disable", " "]),
        "colloquy: say which user by id, e-mail address or subject"
    );
    for list in [["--page", "0"], ["--per-page", "0"], ["--per-page", "1001"]] {
        let status = shell.status(&[&["users", "list"][..], &list].concat());
        assert_eq!(status, Some(2), "{list:?}");
    }
}
