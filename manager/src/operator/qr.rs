//! QR codes (ISO/IEC 18004) within a page. They are drawn here, for what they say is a secret.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// Modules of the quiet zone and the code together are drawn this wide at least, in pixels.
const PIXELS: u32 = 180;

/// A drawing of a text; nothing where it is too long for one.
pub(super) fn drawn(text: &str) -> String {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return String::new() };
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(PIXELS, PIXELS).build();
    // Within a page the declaration of a document of its own has no place.
    drawn.find("<svg").and_then(|at| drawn.get(at..)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_code_is_a_picture_within_a_page_and_loads_nothing() {
        let svg = drawn("otpauth://totp/Platen:anna?secret=ABC&issuer=Platen");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && !svg.contains("style="), "{svg}");
        assert_eq!(drawn(&"x".repeat(10_000)), "");
    }
}
