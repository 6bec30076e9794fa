//! Pages and mails from the templates in `templates/`. Everything that a template shows is escaped unless the template itself
//! says otherwise.

use std::any::type_name;

use askama::Template;

/// A template that can't be filled: a mistake in it, as what it shows are plain values.
#[derive(Debug, thiserror::Error)]
#[error("{template} can't be rendered: {reason}")]
pub struct RenderError {
    template: &'static str,
    reason: askama::Error,
}

/// The text of a template. Tests panic where there is none; in production whoever asked gets an error.
pub fn rendered<T: Template>(template: &T) -> Result<String, RenderError> {
    template.render().map_err(|reason| {
        let error = RenderError {
            template: type_name::<T>(),
            reason,
        };
        debug_assert!(false, "{error}");
        error
    })
}
