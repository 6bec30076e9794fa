//! Calculations that may take longer than a request may hold up others.

use crate::store::StoreError;

/// Runs a calculation on a thread for such. Fails only while the server stops.
pub async fn off_thread<T: Send + 'static>(
    calculation: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(calculation).await {
        Ok(result) => Ok(result),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => Err(StoreError::Stopping),
        },
    }
}
