//! The link's end here: a Unix socket to the control plane, dialled again whenever it is lost.
//!
//! Two threads and no runtime: one dials and reads, one writes. Invariants: the hello that was said
//! first is said first on every new connection; nothing of an old connection arrives after the new
//! one's welcome, as one thread reads them in turn; who sends never waits: a queue that is full
//! ends the connection, and the next begins from what is known on both sides. When the last outbox
//! is dropped, what was said last is written, and heard as far as the control plane reads.
//! Left out on purpose: what messages mean.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use link::frame::{self, LENGTH_BYTES, Message};
use link::{LinkDown, Outbox, ToControl, ToData};

/// The control plane answers each report, twice a second; one that is silent so long is gone.
const SILENCE: Duration = Duration::from_secs(5);
/// A lost link is dialled again after this.
const AGAIN: Duration = Duration::from_millis(250);
/// Messages that wait to be written.
const QUEUED_MAX: usize = 4096;

/// What who sends and who dials share.
#[derive(Default)]
struct Ends {
    greeting: Option<ToControl>,
    queue: Option<SyncSender<ToControl>>,
    is_over: bool,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Ends>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending end: with it the link ends.
struct Way {
    shared: Shared,
    thread: Option<JoinHandle<()>>,
}

/// Whether a control plane listens at a path.
pub fn is_there(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

/// Links to the control plane at a path, for as long as the outbox that is returned.
///
/// # Errors
/// The system gives no thread.
pub fn dial(path: PathBuf, to_data: Outbox<ToData>) -> io::Result<Outbox<ToControl>> {
    let shared = Shared::default();
    let ends = shared.clone();
    let thread = thread::Builder::new().name("link".to_owned()).spawn(move || {
        while !ends.lock().is_over {
            attend(&path, &ends, &to_data);
            if !ends.lock().is_over {
                thread::sleep(AGAIN);
            }
        }
    })?;
    let way = Way { shared, thread: Some(thread) };
    Ok(Outbox::new(move |message| way.push(message)))
}

impl Way {
    fn push(&self, message: ToControl) -> Result<(), LinkDown> {
        let mut ends = self.shared.lock();
        if matches!(message, ToControl::Hello { .. }) {
            ends.greeting = Some(message.clone());
        }
        let queue = ends.queue.as_ref().ok_or(LinkDown)?;
        if queue.try_send(message).is_err() {
            // Without its queue the writer ends, and with it the connection.
            ends.queue = None;
            return Err(LinkDown);
        }
        Ok(())
    }
}

impl Drop for Way {
    /// Waits until what was said last is written, for as long as a peer may take that is there.
    fn drop(&mut self) {
        {
            let mut ends = self.shared.lock();
            ends.is_over = true;
            ends.queue = None;
        }
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// One connection from its beginning to its end.
fn attend(path: &Path, shared: &Shared, to_data: &Outbox<ToData>) {
    let Ok(stream) = UnixStream::connect(path) else { return };
    let (queue, messages) = sync_channel(QUEUED_MAX);
    {
        let mut ends = shared.lock();
        if ends.is_over {
            return;
        }
        if let Some(greeting) = ends.greeting.clone() {
            // The queue is new and has room.
            let _ = queue.try_send(greeting);
        }
        ends.queue = Some(queue);
    }
    let writing = start_writer(&stream, messages);
    hear(&stream, to_data);
    shared.lock().queue = None;
    let _ = stream.shutdown(Shutdown::Both);
    if let Some(writing) = writing {
        // A writer that panicked has said so.
        let _ = writing.join();
    }
}

fn start_writer(stream: &UnixStream, messages: Receiver<ToControl>) -> Option<JoinHandle<()>> {
    let stream = stream.try_clone().ok()?;
    let write = move || {
        let how = match write_all(&stream, &messages) {
            // The other side reads to this end, and then closes: we read until then.
            Ok(()) => Shutdown::Write,
            Err(fault) => {
                notice::warn!("the link to the control plane is down: {fault}");
                Shutdown::Both
            }
        };
        let _ = stream.shutdown(how);
    };
    thread::Builder::new().name("link-out".to_owned()).spawn(write).ok()
}

fn write_all(mut stream: &UnixStream, messages: &Receiver<ToControl>) -> io::Result<()> {
    stream.set_write_timeout(Some(SILENCE))?;
    for message in messages {
        stream.write_all(&frame::encode(&message).map_err(io::Error::other)?)?;
    }
    Ok(())
}

/// Reads until the connection ends, however that is. What nobody wants to hear any more is read
/// too: a connection that is closed on something unread takes with it what was written last.
fn hear(mut stream: &UnixStream, to_data: &Outbox<ToData>) {
    if stream.set_read_timeout(Some(SILENCE)).is_err() {
        return;
    }
    loop {
        match next(&mut stream) {
            // An uplink that has ended hears nothing.
            Ok(message) => drop(to_data.send(message)),
            Err(error) => {
                if error.kind() != io::ErrorKind::UnexpectedEof {
                    notice::warn!("the link to the control plane is down: {error}");
                }
                return;
            }
        }
    }
}

fn next(stream: &mut &UnixStream) -> io::Result<ToData> {
    let mut head = [0; LENGTH_BYTES];
    stream.read_exact(&mut head)?;
    let length = frame::length::<ToData>(head).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    if stream.take(length as u64).read_to_end(&mut bytes)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    ToData::read(&bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use units::Epoch;

    use super::*;

    #[test]
    fn what_was_said_last_arrives_before_the_link_ends() {
        let name = format!("tollgate-dial-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        let out = dial(path.clone(), Outbox::new(|_| Err(LinkDown))).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let last = ToControl::EpochDone { epoch: Epoch(7) };
        while out.send(last.clone()).is_err() {
            thread::yield_now();
        }
        // What lies unread at this end takes nothing away from the other.
        let contact = ToData::Contact { said: units::UnixMillis(1), shared: false };
        stream.write_all(&frame::encode(&contact).unwrap()).unwrap();
        let ending = thread::spawn(move || drop(out));
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        assert_eq!(ToControl::read(&bytes[LENGTH_BYTES..]), Ok(last));
        drop(stream);
        ending.join().unwrap();
        std::fs::remove_file(path).unwrap();
    }
}
