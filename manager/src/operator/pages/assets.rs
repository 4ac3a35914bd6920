//! What pages load: built into the program, under names that change with their content, so that
//! browsers may keep them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use platen_protocol::problem::ProblemKind;

use super::super::problem::Refusal;
use crate::secret::fingerprint;

/// Digits of the content's hash in a name.
const HASH_DIGITS: usize = 12;
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// One file.
pub(super) struct Asset {
    name: String,
    media_type: &'static str,
    content: &'static str,
}

/// All of them.
pub(super) struct Assets {
    style: Asset,
    live: Asset,
    fleet: Asset,
    now: Asset,
    icon: Asset,
}

impl Assets {
    pub(super) fn style(&self) -> &str {
        &self.style.name
    }

    pub(super) fn live(&self) -> &str {
        &self.live.name
    }

    pub(super) fn fleet(&self) -> &str {
        &self.fleet.name
    }

    pub(super) fn now(&self) -> &str {
        &self.now.name
    }

    pub(super) fn icon(&self) -> &str {
        &self.icon.name
    }
}

fn asset(stem: &str, ending: &str, media_type: &'static str, content: &'static str) -> Asset {
    let mut hash = fingerprint(content.as_bytes());
    hash.truncate(HASH_DIGITS);
    Asset { name: format!("{stem}-{hash}.{ending}"), media_type, content }
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: asset("style", "css", "text/css; charset=utf-8", include_str!("../assets/style.css")),
    live: asset("live", "js", "text/javascript; charset=utf-8", include_str!("../assets/live.js")),
    fleet: asset("fleet", "js", "text/javascript; charset=utf-8", include_str!("../assets/fleet.js")),
    now: asset("now", "js", "text/javascript; charset=utf-8", include_str!("../assets/now.js")),
    icon: asset("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg")),
});

/// All of them, named.
pub(super) fn assets() -> &'static Assets {
    &ASSETS
}

/// `GET /assets/{name}`.
pub(super) async fn asset_page(Path(name): Path<String>) -> Result<Response, Refusal> {
    let Assets { style, live, fleet, now, icon } = assets();
    let found = [style, live, fleet, now, icon]
        .into_iter()
        .find(|asset| asset.name == name)
        .ok_or_else(|| Refusal::new(ProblemKind::NotFound, "There is no such file here."))?;
    let headers = [(header::CONTENT_TYPE, found.media_type), (header::CACHE_CONTROL, FOR_EVER)];
    Ok((headers, found.content).into_response())
}
