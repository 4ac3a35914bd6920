//! The five packets of MQTT 3.1.1 (OASIS standard, 29 October 2014) by which a device is parked at a broker, and woken
//! without an acknowledgement (`QoS` 0). Nothing else is ever sent or expected here, so an unexpected byte ends the
//! benchmark.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// 2.2.1, with the flags that 2.2.2 fixes for each.
const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
/// 3.1.2: the protocol's name and level, a clean session, no keep-alive.
const CONNECT_HEADER: [u8; 10] = [0, 4, b'M', b'Q', b'T', b'T', 4, 0x02, 0, 0];
/// 3.2.2: no session was present, accepted.
const ACCEPTED: [u8; 4] = [CONNACK, 2, 0, 0];
/// 2.3.1: any number but 0.
const PACKET_IDENTIFIER: [u8; 2] = [0, 1];
/// 3.9.3: granted, with `QoS` 0.
const GRANTED: [u8; 5] = [SUBACK, 3, 0, 1, 0];
/// 2.2.3: a remaining length has seven bits a byte, the lowest first, and a flag that another one follows.
const LENGTH_BITS: u32 = 7;
const LENGTH_MORE: u8 = 0x80;
const LENGTH_BYTES: u32 = 4;

/// 3.1: introduces itself.
pub(crate) async fn connect(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    name: &str,
) -> io::Result<()> {
    stream.write_all(&packet(CONNECT, &[&CONNECT_HEADER, &text(name)])).await?;
    stream.flush().await?;
    expect(stream, ACCEPTED).await
}

/// 3.8: asks for what is said under a topic.
pub(crate) async fn subscribe(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    topic: &str,
) -> io::Result<()> {
    stream.write_all(&packet(SUBSCRIBE, &[&PACKET_IDENTIFIER, &text(topic), &[0]])).await?;
    stream.flush().await?;
    expect(stream, GRANTED).await
}

/// 3.3: says something under a topic.
pub(crate) async fn publish(
    stream: &mut (impl AsyncWrite + Unpin),
    topic: &str,
    message: &[u8],
) -> io::Result<()> {
    stream.write_all(&packet(PUBLISH, &[&text(topic), message])).await?;
    stream.flush().await
}

/// Waits for what is said; how long it is, topic included.
pub(crate) async fn message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
    let kind = stream.read_u8().await?;
    if kind != PUBLISH {
        return Err(io::Error::other(format!("the broker sent {kind:#x}, and not a message")));
    }
    let mut length = 0;
    for place in 0..LENGTH_BYTES {
        let byte = stream.read_u8().await?;
        length |= usize::from(byte & !LENGTH_MORE) << (LENGTH_BITS * place);
        if byte & LENGTH_MORE == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await
}

async fn expect<const N: usize>(stream: &mut (impl AsyncRead + Unpin), wanted: [u8; N]) -> io::Result<()> {
    let mut answer = [0; N];
    stream.read_exact(&mut answer).await?;
    if answer == wanted {
        return Ok(());
    }
    Err(io::Error::other(format!("the broker answered {answer:x?}, and not {wanted:x?}")))
}

/// 1.5.3: a text with its length before it.
fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

fn packet(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut rest: usize = parts.iter().map(|part| part.len()).sum();
    let mut packet = vec![kind];
    loop {
        let low = u8::try_from(rest & usize::from(!LENGTH_MORE)).unwrap();
        rest >>= LENGTH_BITS;
        packet.push(if rest > 0 { low | LENGTH_MORE } else { low });
        if rest == 0 {
            break;
        }
    }
    packet.extend(parts.concat());
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_of_any_length_is_read_as_it_was_written() {
        for length in [0, 1, 100, 127, 128, 16_000, 20_000] {
            let (mut near, mut far) = tokio::io::duplex(64 * 1024);
            publish(&mut near, "printer", &vec![7; length]).await.unwrap();
            assert_eq!(message(&mut far).await.unwrap(), length + 2 + "printer".len());
        }
    }

    #[tokio::test]
    async fn a_refusal_is_no_connection() {
        let (mut near, mut far) = tokio::io::duplex(1024);
        // 3.2.2.3: not authorised.
        far.write_all(&[CONNACK, 2, 0, 5]).await.unwrap();
        assert!(connect(&mut near, "printer").await.is_err());
    }
}
