//! `colloquy tenants`, and `colloquy migrate`, which may be repeated.

use colloquy::store::tenants::DEFAULT_TENANT;

use super::Shell;

on_both_databases!(Shell: tenants_are_listed_with_their_users, an_id_can_be_set, bad_ids_are_refused, migrating_is_repeatable,
    several_tenants_are_a_reason_to_want_one_of_everybody);

async fn tenants_are_listed_with_their_users(shell: &Shell) {
    let default =
        format!("{DEFAULT_TENANT}  users: 1  OIDC id: none (of everybody whose token names none)\n");
    shell.log_in("ada", None, None).await;
    assert_eq!(shell.prints(&["tenants", "list"]), default);
    let bob = shell.log_in("bob", Some("acme"), None).await;
    shell.log_in("carol", Some("acme"), None).await;
    let expected = format!("{default}{}  users: 2  OIDC id: acme\n", bob.tenant_id);
    assert_eq!(shell.prints(&["tenants", "list"]), expected);
}

async fn an_id_can_be_set(shell: &Shell) {
    let default = DEFAULT_TENANT.to_string();
    let told = shell.prints(&["tenants", "set-oidc-id", &default, " acme "]);
    assert_eq!(
        told,
        format!("Tokens call the tenant {default} `acme` from now on.\n")
    );
    let user = shell.log_in("ada", Some("acme"), None).await;
    assert_eq!(user.tenant_id, DEFAULT_TENANT);
}

async fn bad_ids_are_refused(shell: &Shell) {
    shell.log_in("ada", Some("acme"), None).await;
    let default = DEFAULT_TENANT.to_string();
    let nobody = "00000000-0000-4000-8000-000000000000";
    let long = "x".repeat(256);
    for (tenant, oidc_id, told) in [
        (
            default.as_str(),
            "acme",
            "another tenant has this OIDC id already".to_owned(),
        ),
        (
            &default,
            " ",
            "the OIDC id must have 1 to 255 characters".to_owned(),
        ),
        (
            &default,
            &long,
            "the OIDC id must have 1 to 255 characters".to_owned(),
        ),
        (
            nobody,
            "other",
            format!("there is no tenant {nobody}; `colloquy tenants list` shows them"),
        ),
    ] {
        let command = ["tenants", "set-oidc-id", tenant, oidc_id];
        assert_eq!(shell.fails(&command), format!("colloquy: {told}"));
    }
}

async fn migrating_is_repeatable(shell: &Shell) {
    for _ in 0..2 {
        assert_eq!(shell.prints(&["migrate"]), "The database is up to date.\n");
    }
}

async fn several_tenants_are_a_reason_to_want_one_of_everybody(shell: &Shell) {
    let advised = || {
        let told = shell.prints(&["config", "check"]);
        let mut lines = told.lines().filter(|line| line.contains("oidc.tenant_required"));
        lines.next().is_some_and(|line| line.starts_with("warning: "))
    };
    shell.log_in("ada", None, None).await;
    assert!(!advised());
    shell.log_in("bob", Some("acme"), None).await;
    assert!(advised());
}
