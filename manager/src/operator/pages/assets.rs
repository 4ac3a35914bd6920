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
    desk: Asset,
    idiomorph: Asset,
    live: Asset,
    device: Asset,
    chart: Asset,
    fleet: Asset,
    now: Asset,
    icon: Asset,
}

impl Assets {
    pub(super) fn style(&self) -> &str {
        &self.style.name
    }

    /// What every page has.
    pub(super) fn desk(&self) -> &str {
        &self.desk.name
    }

    /// What brings changes into a page that is open, which is not ours: docs/dependencies.md says whose.
    pub(super) fn idiomorph(&self) -> &str {
        &self.idiomorph.name
    }

    pub(super) fn device(&self) -> &str {
        &self.device.name
    }

    pub(super) fn chart(&self) -> &str {
        &self.chart.name
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

fn script(stem: &str, content: &'static str) -> Asset {
    asset(stem, "js", "text/javascript; charset=utf-8", content)
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: asset("style", "css", "text/css; charset=utf-8", include_str!("../assets/style.css")),
    desk: script("desk", include_str!("../assets/desk.js")),
    idiomorph: script("idiomorph", include_str!("../assets/idiomorph.js")),
    live: script("live", include_str!("../assets/live.js")),
    device: script("device", include_str!("../assets/device.js")),
    chart: script("chart", include_str!("../assets/chart.js")),
    fleet: script("fleet", include_str!("../assets/fleet.js")),
    now: script("now", include_str!("../assets/now.js")),
    icon: asset("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg")),
});

/// All of them, named.
pub(super) fn assets() -> &'static Assets {
    &ASSETS
}

/// `GET /assets/{name}`.
pub(super) async fn asset_page(Path(name): Path<String>) -> Result<Response, Refusal> {
    let Assets { style, desk, idiomorph, live, device, chart, fleet, now, icon } = assets();
    let found = [style, desk, idiomorph, live, device, chart, fleet, now, icon]
        .into_iter()
        .find(|asset| asset.name == name)
        .ok_or_else(|| Refusal::new(ProblemKind::NotFound, "There is no such file here."))?;
    let headers = [(header::CONTENT_TYPE, found.media_type), (header::CACHE_CONTROL, FOR_EVER)];
    Ok((headers, found.content).into_response())
}
