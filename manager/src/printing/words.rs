//! What printers say of themselves, in plain words. Pure.

/// A word of `printer-state-reasons` or `job-state-reasons` (RFC 8011, PWG 5100), for people; none for what says nothing.
pub fn reason(keyword: &str) -> Option<String> {
    let bare = ["-error", "-warning", "-report"]
        .into_iter()
        .find_map(|end| keyword.strip_suffix(end))
        .unwrap_or(keyword);
    let words = match bare {
        "none"
        | "job-printing"
        | "job-incoming"
        | "job-data-insufficient"
        | "processing-to-stop-point"
        | "job-completed-successfully"
        | "job-queued"
        | "printer-stopped"
        | "media-low"
        | "toner-low"
        | "marker-supply-low"
        | "connecting-to-device"
        | "job-transforming"
        | "job-spooling" => return None,
        "media-empty" | "media-needed" => "it is out of paper",
        "media-jam" => "it has a paper jam",
        "cover-open" | "door-open" | "interlock-open" => "a cover is open",
        "input-tray-missing" => "a tray is missing",
        "output-area-full" | "output-tray-missing" => "its output tray is full or missing",
        "toner-empty" | "marker-supply-empty" | "developer-empty" => "it is out of toner or ink",
        "marker-waste-full" => "its waste box is full",
        "spool-area-full" => "its memory is full",
        "paused" | "moving-to-paused" => "somebody has paused it",
        "shutdown" | "deactivated" => "it is shutting down",
        "offline" | "timed-out" => "it is offline",
        "resources-are-not-ready" => "it waits for paper of that size",
        "job-canceled-by-user" | "job-canceled-by-operator" | "job-canceled-at-device" => {
            "somebody cancelled the job at the printer"
        }
        "aborted-by-system" => "the printer gave the job up",
        "document-format-error" | "unsupported-document-format" => "it cannot read the document",
        other => return Some(other.replace('-', " ")),
    };
    Some(words.to_owned())
}

/// Several of them, each once.
pub fn reasons<'a>(keywords: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for words in keywords.into_iter().filter_map(reason) {
        if !all.contains(&words) {
            all.push(words);
        }
    }
    (!all.is_empty()).then(|| all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_a_printer_is_said_in_words_and_what_does_not_is_not_said() {
        assert_eq!(reasons(["none"]), None);
        assert_eq!(
            reasons(["media-empty-error", "media-needed", "media-low-report"]).as_deref(),
            Some("it is out of paper")
        );
        assert_eq!(
            reasons(["cover-open", "fuser-over-temp-warning"]).as_deref(),
            Some("a cover is open, fuser over temp")
        );
    }
}
