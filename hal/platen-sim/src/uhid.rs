//! `/dev/uhid`: a program is a HID device (Documentation/hid/uhid.rst of the Linux kernel; the structures are
//! those of include/uapi/linux/uhid.h, which are packed, in the machine's own byte order).
//!
//! Events are read and written as bytes at their offsets, so nothing here is unsafe. The crate uhid-virt was looked
//! at: it panics on what the kernel sends, and its device cannot be waited for.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

/// Where the kernel listens.
pub const UHID: &str = "/dev/uhid";
/// `BUS_USB` of include/uapi/linux/input.h.
const BUS_USB: u16 = 0x03;
/// `UHID_DATA_MAX`: the longest report, and descriptor.
const MAX_REPORT: usize = 4096;
/// The longest event: `UHID_CREATE2` with its type.
const EVENT_BYTES: usize = 4 + 128 + 64 + 64 + 2 + 2 + 4 * 4 + MAX_REPORT;
/// What the kernel calls a failed request of ours.
const EIO: u16 = 5;

/// `enum uhid_event_type`.
mod kind {
    pub(super) const DESTROY: u32 = 1;
    pub(super) const START: u32 = 2;
    pub(super) const STOP: u32 = 3;
    pub(super) const OPEN: u32 = 4;
    pub(super) const CLOSE: u32 = 5;
    pub(super) const OUTPUT: u32 = 6;
    pub(super) const GET_REPORT: u32 = 9;
    pub(super) const GET_REPORT_REPLY: u32 = 10;
    pub(super) const CREATE2: u32 = 11;
    pub(super) const INPUT2: u32 = 12;
    pub(super) const SET_REPORT: u32 = 13;
    pub(super) const SET_REPORT_REPLY: u32 = 14;
}

/// `enum uhid_report_type`: only feature reports are asked for by request.
const FEATURE_REPORT: u8 = 0;

/// What a device is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// For people; at most 127 bytes count.
    pub name: String,
    /// One of its kind on this machine; at most 63 bytes count. It is `HID_UNIQ` in sysfs.
    pub unique: String,
    /// USB vendor.
    pub vendor: u16,
    /// USB product.
    pub product: u16,
    /// The report descriptor.
    pub descriptor: Vec<u8>,
}

/// What the kernel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A driver has taken the device.
    Start,
    /// It has left it.
    Stop,
    /// Somebody uses it, or nobody any more.
    Use(bool),
    /// An interrupt report of the host.
    Output(Vec<u8>),
    /// The host wants a feature report and waits for the answer, which bears the same id.
    GetFeature {
        /// For the answer.
        id: u32,
        /// The report's number.
        report: u8,
    },
    /// The host sends a feature report and waits for the answer, which bears the same id.
    SetFeature {
        /// For the answer.
        id: u32,
        /// The report.
        data: Vec<u8>,
    },
    /// The host asks for a report of another type, and waits.
    OtherGet {
        /// For the answer.
        id: u32,
    },
    /// The host sends a report of another type, and waits.
    OtherSet {
        /// For the answer.
        id: u32,
    },
    /// Something that a later kernel may say.
    Unknown(u32),
}

/// What we say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Here is a device.
    Create(&'a Identity),
    /// It is gone.
    Destroy,
    /// It sends an interrupt report.
    Input(&'a [u8]),
    /// The answer to [`Event::GetFeature`] and [`Event::OtherGet`]; none when there is no such report.
    GetReport(u32, Option<&'a [u8]>),
    /// The answer to [`Event::SetFeature`] and [`Event::OtherSet`]: whether it was done.
    SetReport(u32, bool),
}

impl Event {
    /// Reads an event; none if it is shorter than its own type says.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, payload) = take_u32(bytes)?;
        Some(match kind {
            kind::START => Self::Start,
            kind::STOP => Self::Stop,
            kind::OPEN => Self::Use(true),
            kind::CLOSE => Self::Use(false),
            kind::OUTPUT => {
                // Data, then its size: the other way round than everywhere else.
                let (data, rest) = payload.split_at_checked(MAX_REPORT)?;
                let (size, _) = take_u16(rest)?;
                Self::Output(data.get(..size.into())?.to_vec())
            }
            kind::GET_REPORT => {
                let (id, rest) = take_u32(payload)?;
                match rest {
                    [report, FEATURE_REPORT, ..] => Self::GetFeature { id, report: *report },
                    _ => Self::OtherGet { id },
                }
            }
            kind::SET_REPORT => {
                let (id, rest) = take_u32(payload)?;
                let (_report, rest) = rest.split_first()?;
                let (report_type, rest) = rest.split_first()?;
                let (size, data) = take_u16(rest)?;
                match *report_type {
                    FEATURE_REPORT => Self::SetFeature { id, data: data.get(..size.into())?.to_vec() },
                    _ => Self::OtherSet { id },
                }
            }
            other => Self::Unknown(other),
        })
    }
}

impl Reply<'_> {
    /// The event. The kernel fills with zeroes what is left out at the end.
    pub fn encode(&self) -> Vec<u8> {
        let mut event = Vec::new();
        match self {
            Self::Create(identity) => {
                event.extend(kind::CREATE2.to_ne_bytes());
                put_text(&mut event, &identity.name, 128);
                // Where it is plugged in: nowhere.
                put_text(&mut event, "", 64);
                put_text(&mut event, &identity.unique, 64);
                let descriptor = capped(&identity.descriptor);
                event.extend(size_of_report(descriptor).to_ne_bytes());
                event.extend(BUS_USB.to_ne_bytes());
                event.extend(u32::from(identity.vendor).to_ne_bytes());
                event.extend(u32::from(identity.product).to_ne_bytes());
                // Version and country.
                event.extend([0; 8]);
                event.extend_from_slice(descriptor);
            }
            Self::Destroy => event.extend(kind::DESTROY.to_ne_bytes()),
            Self::Input(report) => {
                let report = capped(report);
                event.extend(kind::INPUT2.to_ne_bytes());
                event.extend(size_of_report(report).to_ne_bytes());
                event.extend_from_slice(report);
            }
            Self::GetReport(id, report) => {
                let data = capped(report.unwrap_or_default());
                event.extend(kind::GET_REPORT_REPLY.to_ne_bytes());
                event.extend(id.to_ne_bytes());
                event.extend(if report.is_some() { 0 } else { EIO }.to_ne_bytes());
                event.extend(size_of_report(data).to_ne_bytes());
                event.extend_from_slice(data);
            }
            Self::SetReport(id, done) => {
                event.extend(kind::SET_REPORT_REPLY.to_ne_bytes());
                event.extend(id.to_ne_bytes());
                event.extend(if *done { 0 } else { EIO }.to_ne_bytes());
            }
        }
        event
    }
}

fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_ne_bytes(*number), rest))
}

fn take_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_ne_bytes(*number), rest))
}

fn capped(report: &[u8]) -> &[u8] {
    report.get(..MAX_REPORT).unwrap_or(report)
}

fn size_of_report(report: &[u8]) -> u16 {
    u16::try_from(report.len()).unwrap_or(u16::MAX)
}

/// A text in a field of its own length, ended by a zero.
fn put_text(event: &mut Vec<u8>, text: &str, room: usize) {
    let end = event.len() + room;
    event.extend(text.bytes().take(room - 1));
    event.resize(end, 0);
}

/// A HID device that this process is. The kernel takes it away when this is closed.
#[derive(Debug)]
pub struct Uhid(File);

impl Uhid {
    /// Makes a device. Drivers may ask it things before this returns.
    pub fn create(identity: &Identity) -> io::Result<Self> {
        let uhid = Self(File::options().read(true).write(true).open(UHID)?);
        uhid.tell(&Reply::Create(identity))?;
        Ok(uhid)
    }

    /// Waits for what the kernel says next.
    pub fn next(&self) -> io::Result<Event> {
        let mut event = [0; EVENT_BYTES];
        let length = loop {
            match (&self.0).read(&mut event) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        let cut = || io::Error::new(io::ErrorKind::InvalidData, "an event of /dev/uhid is cut off");
        event.get(..length).and_then(Event::decode).ok_or_else(cut)
    }

    /// Says something. The kernel takes an event whole or not at all.
    pub fn tell(&self, reply: &Reply<'_>) -> io::Result<()> {
        (&self.0).write_all(&reply.encode())
    }
}

/// Readable when the kernel has said something.
impl AsFd for Uhid {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(kind: u32, payload: &[&[u8]]) -> Vec<u8> {
        let mut bytes = [&kind.to_ne_bytes()[..], &payload.concat()].concat();
        bytes.resize(EVENT_BYTES, 0);
        bytes
    }

    #[test]
    fn a_device_is_made_with_each_field_at_its_place() {
        let identity = Identity {
            name: "bridge".into(),
            unique: "one".into(),
            vendor: 0x10c4,
            product: 0xea90,
            descriptor: vec![1, 2, 3],
        };
        let bytes = Reply::Create(&identity).encode();
        // The offsets are those of struct uhid_create2_req, behind the type.
        assert_eq!(bytes[..4], 11_u32.to_ne_bytes());
        assert_eq!(bytes[4..11], *b"bridge\0");
        assert_eq!(bytes[4 + 192..][..4], *b"one\0");
        assert_eq!(bytes[4 + 256..][..2], 3_u16.to_ne_bytes());
        assert_eq!(bytes[4 + 258..][..2], 3_u16.to_ne_bytes());
        assert_eq!(bytes[4 + 260..][..4], 0x10c4_u32.to_ne_bytes());
        assert_eq!(bytes[4 + 264..][..4], 0xea90_u32.to_ne_bytes());
        assert_eq!(bytes[4 + 276..], [1, 2, 3]);
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_and_still_ended() {
        let mut bytes = Vec::new();
        put_text(&mut bytes, &"x".repeat(200), 64);
        assert_eq!((bytes.len(), bytes[62], bytes[63]), (64, b'x', 0));
    }

    #[test]
    fn an_output_report_has_its_size_behind_its_data() {
        let mut data = vec![0x15, 0x01];
        data.resize(MAX_REPORT, 0);
        let bytes = event(kind::OUTPUT, &[&data, &2_u16.to_ne_bytes(), &[1]]);
        assert_eq!(Event::decode(&bytes), Some(Event::Output(vec![0x15, 0x01])));
    }

    #[test]
    fn only_feature_reports_are_answered_with_data() {
        let id = 7_u32.to_ne_bytes();
        let get = |report_type| event(kind::GET_REPORT, &[&id, &[0x05, report_type]]);
        assert_eq!(Event::decode(&get(0)), Some(Event::GetFeature { id: 7, report: 5 }));
        assert_eq!(Event::decode(&get(2)), Some(Event::OtherGet { id: 7 }));
        let set = |report_type| {
            event(kind::SET_REPORT, &[&id, &[4, report_type], &3_u16.to_ne_bytes(), &[4, 1, 2]])
        };
        assert_eq!(Event::decode(&set(0)), Some(Event::SetFeature { id: 7, data: vec![4, 1, 2] }));
        assert_eq!(Event::decode(&set(1)), Some(Event::OtherSet { id: 7 }));
    }

    #[test]
    fn an_answer_bears_the_id_and_the_error_of_its_question() {
        let bytes = Reply::GetReport(7, Some(&[5, 6])).encode();
        let expected =
            [&10_u32.to_ne_bytes()[..], &7_u32.to_ne_bytes(), &[0, 0], &2_u16.to_ne_bytes(), &[5, 6]];
        assert_eq!(bytes, expected.concat());
        assert_eq!(Reply::GetReport(7, None).encode()[8..10], EIO.to_ne_bytes());
        assert_eq!(Reply::SetReport(7, true).encode()[8..], [0, 0]);
        assert_eq!(Reply::SetReport(7, false).encode()[8..], EIO.to_ne_bytes());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(kind in 0..16_u32, payload in prop::collection::vec(any::<u8>(), 0..EVENT_BYTES)) {
            let bytes = [&kind.to_ne_bytes()[..], &payload].concat();
            if let Some(Event::Output(data) | Event::SetFeature { data, .. }) = Event::decode(&bytes) {
                prop_assert!(data.len() <= MAX_REPORT);
            }
        }
    }
}
