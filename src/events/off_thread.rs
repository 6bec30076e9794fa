//! Calculations that may take longer than a request may hold up others.

use crate::store::{StoreError, held};

/// Runs a calculation on a thread for such. It can't be broken off: what the request holds stays held until it has ended. Fails only while
/// the server stops.
pub async fn off_thread<T: Send + 'static>(
    calculation: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let held = held();
    let calculation = move || {
        let done = calculation();
        drop(held);
        done
    };
    match tokio::task::spawn_blocking(calculation).await {
        Ok(result) => Ok(result),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => Err(StoreError::Stopping),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        time::Duration,
    };

    use super::*;
    use crate::store::sharing_time_limit;

    #[tokio::test]
    async fn whoever_breaks_off_keeps_its_place_until_the_end() {
        let (end, ends) = mpsc::channel::<()>();
        let held = Arc::new(());
        let request = sharing_time_limit(held.clone(), off_thread(move || ends.recv()));
        let given_up = tokio::time::timeout(Duration::from_millis(50), request).await;
        assert!(given_up.is_err());
        assert_eq!(Arc::strong_count(&held), 2);
        drop(end);
        let ended = async {
            while Arc::strong_count(&held) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
        assert!(ended.is_ok(), "it is held for ever");
    }
}
