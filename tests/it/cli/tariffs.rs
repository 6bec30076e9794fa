//! `colloquy tariffs`.

use colloquy::store::tariffs::{self, DEFAULT_TARIFF, Tariff};

use super::Shell;

on_both_databases!(Shell:
    a_new_database_has_one_tariff, a_tariff_is_made_with_its_limits, claims_choose_a_tariff, an_edit_changes_what_it_names,
    a_failed_edit_changes_nothing, names_must_exist, names_and_ids_are_unique, a_tariff_in_use_stays);

const CREATE: [&str; 14] = [
    "tariffs",
    "create",
    "Gold",
    "--external-id",
    "gold",
    "--external-id",
    "gold-2",
    "--quota",
    "max_storage=5000000000",
    "--quota",
    "room_participant_limit=20",
    "--disable-module",
    "polls",
    "--disable-feature=call_in",
];

async fn stored(shell: &Shell, name: &str) -> Option<Tariff> {
    let tariffs = tariffs::list(&shell.0.db).await.expect("tariffs");
    let found = tariffs.into_iter().find(|overview| overview.tariff.name == name);
    found.map(|overview| overview.tariff)
}

async fn a_new_database_has_one_tariff(shell: &Shell) {
    let expected = format!(
        "Default (of everybody who has no other)
  id:                {DEFAULT_TARIFF}
  external ids:      none
  users:             0
  quotas:            none
  disabled modules:  none
  disabled features: none
"
    );
    assert_eq!(shell.prints(&["tariffs", "list"]), expected);
}

async fn a_tariff_is_made_with_its_limits(shell: &Shell) {
    assert_eq!(shell.prints(&CREATE), "Created the tariff `Gold`.\n");
    let id = stored(shell, "Gold").await.expect("a tariff").id;
    let expected = format!(
        "Gold
  id:                {id}
  external ids:      gold, gold-2
  users:             0
  quotas:            max_storage=5000000000, room_participant_limit=20
  disabled modules:  polls
  disabled features: core::call_in
"
    );
    let listed = shell.prints(&["tariffs", "list"]);
    assert!(listed.ends_with(&expected), "{listed}");
}

async fn claims_choose_a_tariff(shell: &Shell) {
    shell.prints(&CREATE);
    let gold = stored(shell, "Gold").await.expect("a tariff").id;
    for (claim, tariff) in [
        (Some("gold-2"), gold),
        (None, DEFAULT_TARIFF),
        (Some("silver"), DEFAULT_TARIFF),
    ] {
        let user = shell.log_in(claim.unwrap_or("nobody"), None, claim).await;
        assert_eq!(user.tariff_id, tariff, "{claim:?}");
    }
    let listed = shell.prints(&["tariffs", "list"]);
    let users: Vec<_> = listed.lines().filter(|line| line.contains("users:")).collect();
    assert_eq!(users, ["  users:             2", "  users:             1"]);
}

async fn an_edit_changes_what_it_names(shell: &Shell) {
    shell.prints(&CREATE);
    let edit = [
        "tariffs",
        "edit",
        "Gold",
        "--rename",
        "Silver",
        "--remove-external-id",
        "gold",
        "--external-id",
        "silver",
        "--remove-quota",
        "max_storage",
        "--quota",
        "room_participant_limit=5",
        "--enable-module",
        "polls",
        "--disable-module",
        "chat",
        "--enable-feature",
        "core::call_in",
    ];
    assert_eq!(shell.prints(&edit), "Changed the tariff `Gold`.\n");
    let listed = shell.prints(&["tariffs", "list"]);
    let expected = "  external ids:      gold-2, silver
  users:             0
  quotas:            room_participant_limit=5
  disabled modules:  chat
  disabled features: none
";
    assert!(
        listed.ends_with(expected) && listed.contains("\nSilver\n"),
        "{listed}"
    );
}

async fn a_failed_edit_changes_nothing(shell: &Shell) {
    shell.prints(&CREATE);
    let before = shell.prints(&["tariffs", "list"]);
    for (argument, value, told) in [
        (
            "--remove-external-id",
            "silver",
            "the tariff has no external id `silver`",
        ),
        (
            "--remove-quota",
            "room_time_limit_secs",
            "the tariff has no quota `room_time_limit_secs`",
        ),
        (
            "--enable-module",
            "chat",
            "the tariff has no disabled module `chat`",
        ),
        ("--rename", "Default", "another tariff has this name already"),
        (
            "--rename",
            " ",
            "the name must have 1 to 255 characters, none of them a control character",
        ),
        (
            "--rename",
            "a\nb",
            "the name must have 1 to 255 characters, none of them a control character",
        ),
        (
            "--quota",
            "room_time_limit_secs=0",
            "room_time_limit_secs must be a whole number from 1 on",
        ),
    ] {
        let edit = [
            "tariffs",
            "edit",
            "Gold",
            "--external-id",
            "other",
            argument,
            value,
        ];
        assert_eq!(shell.fails(&edit), format!("colloquy: {told}"));
    }
    assert_eq!(shell.prints(&["tariffs", "list"]), before);
}

async fn names_must_exist(shell: &Shell) {
    for (argument, value, told) in [
        (
            "--disable-module",
            "chatt",
            "there is no module `chatt`; did you mean `chat`?",
        ),
        (
            "--disable-feature",
            "callin",
            "there is no feature `callin`; did you mean `core::call_in`?",
        ),
        (
            "--quota",
            "storage=1",
            "there is no quota `storage`; did you mean `max_storage`?",
        ),
        (
            "--disable-module",
            "core",
            "the module `core` can not be off, only its features",
        ),
    ] {
        for command in [["tariffs", "create", "New"], ["tariffs", "edit", "Default"]] {
            let command = [&command[..], &[argument, value]].concat();
            assert_eq!(shell.fails(&command), format!("colloquy: {told}"));
        }
    }
    assert_eq!(stored(shell, "New").await, None);
    for command in [["tariffs", "edit", "Gold"], ["tariffs", "delete", "Gold"]] {
        assert_eq!(
            shell.fails(&command),
            "colloquy: there is no tariff `Gold`; `colloquy tariffs list` shows them"
        );
    }
}

async fn names_and_ids_are_unique(shell: &Shell) {
    shell.prints(&CREATE);
    assert_eq!(
        shell.fails(&CREATE),
        "colloquy: another tariff has this name already"
    );
    let other = ["tariffs", "create", "Other", "--external-id", "gold"];
    assert_eq!(
        shell.fails(&other),
        "colloquy: another tariff has this external id already"
    );
    assert_eq!(stored(shell, "Other").await, None);
}

async fn a_tariff_in_use_stays(shell: &Shell) {
    shell.prints(&CREATE);
    shell.log_in("ada", None, Some("gold")).await;
    shell.log_in("bob", None, Some("gold-2")).await;
    let delete = ["tariffs", "delete", "Gold"];
    let told = shell.fails(&delete);
    assert!(told.starts_with("colloquy: 2 users have this tariff"), "{told}");
    // A login with the id of no tariff leaves a user where it is; one of another tariff takes it there.
    shell.prints(&["tariffs", "create", "Silver", "--external-id", "silver"]);
    shell.log_in("ada", None, Some("silver")).await;
    let told = shell.fails(&delete);
    assert!(told.starts_with("colloquy: 1 user has this tariff"), "{told}");
    shell.log_in("bob", None, Some("silver")).await;
    assert_eq!(shell.prints(&delete), "Deleted the tariff `Gold`.\n");
    assert_eq!(stored(shell, "Gold").await, None);
    let told = shell.fails(&["tariffs", "delete", "Default"]);
    assert!(
        told.starts_with("colloquy: everybody who has no other tariff"),
        "{told}"
    );
}
