//! One request on a connection of its own, which ends with it: for the enrolment and the renewal.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::UplinkError;
use super::connect::Connector;
use super::segments::Segments;
use super::send::post;

/// Connects, posts JSON and reads JSON. A request that is not answered within `limit` is sent once more, on a connection in
/// small segments, for it may have been too large for the path.
pub(super) async fn one_exchange<T: DeserializeOwned>(
    connector: &Connector,
    path: &str,
    body: &impl Serialize,
    limit: Duration,
) -> Result<T, UplinkError> {
    match exchange(connector, path, body, limit).await {
        Err(cause) if cause.is_unanswered() && connector.segments == Segments::Whole => {
            tracing::debug!("trying small packets: {cause}");
            exchange(&connector.in_small_segments(), path, body, limit).await
        }
        first => first,
    }
}

async fn exchange<T: DeserializeOwned>(
    connector: &Connector,
    path: &str,
    body: &impl Serialize,
    limit: Duration,
) -> Result<T, UplinkError> {
    let mut connection = connector.connect().await?;
    post(&mut connection, &connector.address, path, body, Duration::ZERO, limit).await
}
