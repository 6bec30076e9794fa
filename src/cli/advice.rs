//! What `config check` says of settings beside what is stored: the database is looked at where there is one, and nothing is
//! said where there is none.

use std::time::Duration;

use colloquy_report::SystemFonts;

use crate::{
    config::{Config, Problem, SettingSource},
    store::{Db, tenants},
};

/// How long the look may take.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Several tenants, and nobody says that everybody must have one.
pub(super) fn on_tenants(config: &Config) -> Option<Problem> {
    let is_asked_for = config.oidc.tenant_required || config.oidc.claims.tenant_id.is_empty();
    let several = !is_asked_for && look(config).unwrap_or(false);
    several.then(|| Problem {
        place: SettingSource::Default,
        key: "oidc.tenant_required".to_owned(),
        message: format!(
            "is false, and the database has several tenants: whoever has none at the identity provider (claim `{}`) is in \
             the default one, with everybody there",
            config.oidc.claims.tenant_id
        ),
    })
}

/// Scripts that reports can't show on this machine.
pub(super) fn on_fonts(system: &SystemFonts) -> Option<Problem> {
    let missing = system.missing();
    (!missing.is_empty()).then(|| Problem {
        place: SettingSource::Default,
        key: "fonts of this machine".to_owned(),
        message: format!(
            "none has {}: reports (PDF) show � instead (Debian: packages fonts-noto-cjk and fonts-noto-color-emoji)",
            missing.join(", ")
        ),
    })
}

/// Whether there are several tenants, as far as that can be found out.
fn look(config: &Config) -> Option<bool> {
    let folder = config.data_folder().ok()?;
    if !Db::is_there(&config.database, &folder) {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    runtime.block_on(async {
        let look = async {
            let db = Db::connect(&config.database, &folder).await.ok()?;
            let several = tenants::are_several(&db).await.ok();
            db.close().await;
            several
        };
        tokio::time::timeout(TIME_MAX, look).await.ok()?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_without_fonts_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let problem = on_fonts(&SystemFonts::in_folders(vec![folder.path().to_owned()])).unwrap();
        assert!(
            problem
                .message
                .starts_with("none has Chinese, Japanese, Korean, emoji: ")
        );
        // Each machine has its own, so no more than that it is looked at.
        let _ = on_fonts(&SystemFonts::default());
    }
}
