//! Takes the pictures of docs/images of a demo that runs: `pictures URL OPERATOR PASSWORD FOLDER`.

// It is run by a developer who looks on.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use platen_tests::rigs::browser::Browser;

/// Width and height of a page on a desk and on a telephone, in CSS pixels.
const DESK: (u32, u32) = (1280, 820);
const PHONE: (u32, u32) = (390, 844);
/// Everything that is told of one device, on a desk and on a telephone.
const LONG: (u32, u32) = (1280, 2300);
const LONG_PHONE: (u32, u32) = (390, 2300);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, operator, password, folder] = arguments.as_slice() else {
        panic!("usage: pictures URL OPERATOR PASSWORD FOLDER");
    };
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let browser = Browser::start().await;
    browser.sign_in(url, operator, password).await;
    for (name, path, (width, height), dark) in [
        ("fleet.png", "", DESK, false),
        ("fleet-dark.png", "", DESK, true),
        ("fleet-phone.png", "", PHONE, false),
        ("device.png", "/devices/lobby", LONG, false),
        ("device-phone.png", "/devices/lobby", LONG_PHONE, true),
    ] {
        browser.open(&format!("{url}{path}")).await;
        browser.see("body[data-live=on]").await;
        browser.picture(width, height, dark, &folder.join(name)).await;
    }
    browser.close().await;
}
