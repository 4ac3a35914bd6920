//! What the fuzz targets share.

pub mod report_batch;

use crc::{CRC_32_ISO_HDLC, Crc};

/// One copy of a record made of any bytes, with the letters that begin it and a right checksum.
pub fn sealed<const COPY_BYTES: usize>(bytes: &[u8], magic: [u8; 4]) -> [u8; COPY_BYTES] {
    let mut copy = [0; COPY_BYTES];
    for (to, from) in copy.iter_mut().skip(magic.len()).zip(bytes) {
        *to = *from;
    }
    let (body, checksum) = copy.split_at_mut(COPY_BYTES - 4);
    for (to, from) in body.iter_mut().zip(magic) {
        *to = from;
    }
    checksum.copy_from_slice(&Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(body).to_le_bytes());
    copy
}
