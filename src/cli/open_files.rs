//! Every connection costs a file descriptor: the usual soft limit of 1,024 would end a meeting day early.

use rlimit::Resource;

/// Raises the soft limit of open files to the hard one.
pub(super) fn raise_limit() {
    let raised = Resource::NOFILE
        .get()
        .and_then(|(soft, hard)| rlimit::increase_nofile_limit(hard).map(|now| (soft, now)));
    match raised {
        Ok((before, now)) => tracing::info!(
            open_files.before = before,
            open_files.max = now,
            "limit of open files"
        ),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
    }
}
