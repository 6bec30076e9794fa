//! The names under which meetings see callers.

use serde_json::json;

use super::Telephone;
use crate::support::{
    quiet::{Quiet, QuietWith, Settings},
    server::Server,
};

on_both_databases!(Quiet: numbers_are_masked_in_international_format);

mod named {
    use super::{Known, a_known_number_is_shown_as_its_user, other_countries_are_by_configuration};
    on_both_databases!(Known: a_known_number_is_shown_as_its_user, other_countries_are_by_configuration);
}

type Known = QuietWith<NamesOfUsers>;

/// Numbers without a country are Swiss and shown whole, and users are shown by name.
struct NamesOfUsers;

impl Settings for NamesOfUsers {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[
        ("COLLOQUY_CALL_IN__DEFAULT_COUNTRY", "CH"),
        ("COLLOQUY_CALL_IN__SHOW_NAMES_OF_USERS", "true"),
        ("COLLOQUY_CALL_IN__MASK_NUMBERS", "false"),
    ];
}

async fn numbers_are_masked_in_international_format(server: &Server) {
    let telephone = Telephone::install(server, json!({})).await;
    server.give_phone("alice@example.org", "+49 30 12345678").await;
    for (given, shown) in [
        ("03012345678", "+49 30 12345***"),
        ("  +1 202 555 0143 ", "+1 202-555-0***"),
        ("Pförtner", "Pförtner"),
        (" anonymous ", "anonymous"),
        ("110", "110"),
    ] {
        let (_, joined) = telephone.joined_caller(given).await;
        assert_eq!(joined["display_name"], shown, "{given:?}");
    }
    // What is no name is refused as for others, and the caller may try again.
    let mut caller = telephone.caller().await;
    for wrong in ["", "  ", &"x".repeat(101)] {
        caller.ask_to_join(wrong).await;
        caller.expect_error("control", "invalid_username").await;
    }
    assert_eq!(
        caller.join("030 12345678").await["display_name"],
        "+49 30 12345***"
    );
    // Guests may call themselves what they like.
    let mut guest = telephone.meeting.guest().await;
    assert_eq!(guest.join("03012345678").await["display_name"], "03012345678");
}

async fn a_known_number_is_shown_as_its_user(server: &Server) {
    let telephone = Telephone::install(server, json!({})).await;
    let bob = server.anonymous().log_in("bob").await;
    bob.get("/v1/users/me").await.expect(200);
    server.give_phone("bob@example.org", "044 668 18 00").await;
    for given in ["+41446681800", "044/668 18 00", "0041 44 668 1800"] {
        let (_, joined) = telephone.joined_caller(given).await;
        assert_eq!(joined["display_name"], "Bob Burton", "{given}");
        assert_eq!(joined["role"], "guest", "a number proves nothing");
    }
    // The same last digits are not the same number.
    let (_, joined) = telephone.joined_caller("043 668 18 00").await;
    assert_eq!(joined["display_name"], "+41 43 668 18 00");
    // A number of two is nobody's.
    server.give_phone("alice@example.org", "+41 44 668 18 00").await;
    let (_, joined) = telephone.joined_caller("044 668 18 00").await;
    assert_eq!(joined["display_name"], "+41 44 668 18 00");
}

async fn other_countries_are_by_configuration(server: &Server) {
    let telephone = Telephone::install(server, json!({})).await;
    let (_, joined) = telephone.joined_caller("044 668 18 00").await;
    assert_eq!(joined["display_name"], "+41 44 668 18 00");
}
