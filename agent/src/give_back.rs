//! Gives memory back that only the start, or a new connection, needed.
//!
//! An agent that is idle needs a small part of its program, and little of its heap. But the kernel keeps in a process
//! whatever it once touched, and what lies around it: reading the configuration, opening the outbox and shaking hands
//! with the manager leave nearly the whole program resident for ever. So when the start is over, and now and then after
//! that, the agent lets go of the pages of its program and libraries, which the kernel brings back from the file where
//! they are still needed, and of what is free in its heap. It costs less than a millisecond of processor time.
//!
//! What is needed while the device is idle lies together in the program, so that little else comes back with it: see
//! `hot.ld` beside this crate's manifest.
//!
//! (A debugger's breakpoints are changes to such pages, and are lost with them.)

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::status::{ContactState, Status};

/// The start is over and done with so long after it.
const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// What reports and new connections bring back is given back so often at most: it is little, and comes again.
const LEAST_BETWEEN: Duration = Duration::from_secs(10 * 60);

/// Gives memory back after the start, and again now and then, until `stop`.
pub async fn when_idle(status: watch::Sender<Status>, stop: CancellationToken) {
    stop.run_until_cancelled(give_back_again_and_again(status.subscribe())).await;
}

async fn give_back_again_and_again(mut status: watch::Receiver<Status>) {
    let mut next = Instant::now() + SETTLED_AFTER;
    tokio::time::sleep_until(next).await;
    loop {
        // Looked at when something else has woken the agent anyway.
        let due = status.wait_for(|status| Instant::now() >= next && !is_connecting(status.contact)).await;
        if due.is_err() {
            return;
        }
        drop(due);
        let given = give_back();
        tracing::debug!(bytes = given, "pages of the program were let go");
        next = Instant::now() + LEAST_BETWEEN;
    }
}

fn is_connecting(contact: ContactState) -> bool {
    matches!(contact, ContactState::Connecting | ContactState::Sending)
}

/// Gives back what can be given back; says how many bytes of the program and its libraries it let go of.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() -> usize {
    use nix::libc;

    // Whether there was something to give back makes no difference.
    #[allow(
        unsafe_code,
        reason = "it takes a number by value, may be called at any time, and touches only what is free"
    )]
    let _ = unsafe { libc::malloc_trim(0) };
    let mut given = 0;
    for (start, length) in unwritten::segments() {
        // SAFETY: the range is one that the loader mapped from a file, for reading alone. Nobody has written to it, so
        // that the file has all of it, and it is read from there again when it is touched the next time.
        #[allow(unsafe_code, reason = "see above")]
        let answer = unsafe {
            libc::madvise(
                std::ptr::without_provenance_mut::<libc::c_void>(start),
                length,
                libc::MADV_DONTNEED,
            )
        };
        if answer == 0 {
            given += length;
        }
    }
    given
}

/// Other C libraries are not known well enough.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() -> usize {
    0
}

/// What of the program and its libraries is mapped from their files and never written to.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod unwritten {
    use nix::libc;

    /// Where it begins, and how many bytes it has.
    pub(super) type Segment = (usize, usize);

    /// The segments that are mapped for reading (and running) alone. What the loader writes addresses into is in segments
    /// that are mapped for writing at first, also where it forbids that afterwards.
    pub(super) fn segments() -> Vec<Segment> {
        let mut found: Vec<Segment> = Vec::new();
        // SAFETY: `visit` has the type that is asked for, takes `data` for what is given here, and keeps neither it nor
        // what it is told of the object.
        #[allow(unsafe_code, reason = "see above")]
        unsafe {
            libc::dl_iterate_phdr(Some(visit), std::ptr::from_mut(&mut found).cast());
        }
        found
    }

    #[allow(unsafe_code, reason = "it is called by the C library, by the contract of dl_iterate_phdr(3)")]
    unsafe extern "C" fn visit(
        object: *mut libc::dl_phdr_info,
        _size: libc::size_t,
        data: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: by dl_iterate_phdr(3) the object is there until this returns, its name is a string or null, and its
        // headers are so many; `data` is what `segments` gave.
        let (object, found, headers) = unsafe {
            let object = &*object;
            if !object.dlpi_name.is_null() && is_of_the_kernel(std::ffi::CStr::from_ptr(object.dlpi_name)) {
                return 0;
            }
            let headers = std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
            (object, &mut *data.cast::<Vec<Segment>>(), headers)
        };
        let page = page_bytes();
        for header in headers {
            let written = header.p_flags & libc::PF_W != 0;
            if header.p_type != libc::PT_LOAD || written {
                continue;
            }
            let (Ok(base), Ok(at), Ok(bytes)) = (
                usize::try_from(object.dlpi_addr),
                usize::try_from(header.p_vaddr),
                usize::try_from(header.p_filesz),
            ) else {
                continue;
            };
            found.extend(whole_pages(base.wrapping_add(at), bytes, page));
        }
        0
    }

    /// The program itself has no name, libraries have a path; what the kernel puts into every process has neither, and is
    /// no file.
    fn is_of_the_kernel(name: &std::ffi::CStr) -> bool {
        let name = name.to_bytes();
        !name.is_empty() && !name.starts_with(b"/")
    }

    fn page_bytes() -> usize {
        // SAFETY: it takes a number by value and only reads.
        #[allow(unsafe_code, reason = "see above")]
        let known = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(known).ok().filter(|bytes| bytes.is_power_of_two()).unwrap_or(LARGEST_PAGE)
    }

    /// Of the architectures that there is a package for, in bytes.
    const LARGEST_PAGE: usize = 64 * 1024;

    /// The whole pages in a range, if there are any.
    pub(super) fn whole_pages(start: usize, bytes: usize, page: usize) -> Option<Segment> {
        let first = start.checked_next_multiple_of(page)?;
        let end = start.checked_add(bytes)? / page * page;
        (first < end).then(|| (first, end - first))
    }
}

#[cfg(test)]
mod tests {
    use super::unwritten::{segments, whole_pages};
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A table of addresses, which the loader wrote.
    static TABLE: [fn(u32) -> u32; 2] = [|number| number + 1, |number| number * 2];
    static COUNT: AtomicU32 = AtomicU32::new(7);

    fn is_in(segments: &[(usize, usize)], address: usize) -> bool {
        segments.iter().any(|(start, length)| (*start..start + length).contains(&address))
    }

    #[test]
    fn the_code_is_let_go_and_what_is_written_stays() {
        let found = segments();
        assert!(is_in(&found, give_back as *const () as usize), "code");
        assert!(!is_in(&found, TABLE.as_ptr() as usize), "what the loader wrote");
        assert!(!is_in(&found, COUNT.as_ptr() as usize), "what the program writes");
        COUNT.fetch_add(1, Ordering::Relaxed);
        assert!(give_back() > 0);
        assert_eq!(COUNT.load(Ordering::Relaxed), 8);
        assert_eq!(TABLE.map(|function| function(20)), [21, 40]);
        assert_eq!("as before".to_uppercase(), "AS BEFORE");
    }

    #[test]
    fn a_page_that_is_shared_with_a_neighbour_is_left() {
        assert_eq!(whole_pages(0x1000, 0x2000, 0x1000), Some((0x1000, 0x2000)));
        assert_eq!(whole_pages(0x1001, 0x2fff, 0x1000), Some((0x2000, 0x2000)));
        assert_eq!(whole_pages(0x1001, 0x1ffe, 0x1000), None);
        assert_eq!(whole_pages(usize::MAX - 5, 10, 0x1000), None);
    }

    #[tokio::test]
    async fn it_ends_when_it_is_told() {
        let device = "front-desk".parse().unwrap();
        let status = watch::Sender::new(Status::new(device, "model", true, Duration::ZERO));
        let stop = CancellationToken::new();
        let task = tokio::spawn(when_idle(status, stop.clone()));
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
        stop.cancel();
        task.await.unwrap();
    }
}
