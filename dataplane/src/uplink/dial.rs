//! The link's end here: a Unix socket to the control plane, dialled again whenever it is lost.
//!
//! Two threads and no runtime: one dials and reads, one writes. Invariants: the hello that was said
//! first is said first on every new connection; nothing of an old connection arrives after the new
//! one's welcome, as one thread reads them in turn; who sends never waits: a queue that is full
//! ends the connection, and the next begins from what is known on both sides.
//! Left out on purpose: what messages mean.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
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
}

type Shared = Arc<Mutex<Ends>>;

/// Whether a control plane listens at a path.
pub fn is_there(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

/// Links to the control plane at a path, for as long as `to_data` takes messages.
///
/// # Errors
/// The system gives no thread.
pub fn dial(path: PathBuf, to_data: Outbox<ToData>) -> io::Result<Outbox<ToControl>> {
    let shared = Shared::default();
    let ends = Arc::clone(&shared);
    thread::Builder::new().name("link".to_owned()).spawn(move || {
        while attend(&path, &ends, &to_data).is_ok() {
            thread::sleep(AGAIN);
        }
    })?;
    Ok(Outbox::new(move |message| push(&shared, message)))
}

fn push(shared: &Shared, message: ToControl) -> Result<(), LinkDown> {
    let mut ends = shared.lock().unwrap_or_else(PoisonError::into_inner);
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

/// One connection from its beginning to its end; `LinkDown` when nobody wants another.
fn attend(path: &Path, shared: &Shared, to_data: &Outbox<ToData>) -> Result<(), LinkDown> {
    probe(shared)?;
    let Ok(stream) = UnixStream::connect(path) else { return Ok(()) };
    let (queue, messages) = sync_channel(QUEUED_MAX);
    {
        let mut ends = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(greeting) = ends.greeting.clone() {
            // The queue is new and has room.
            let _ = queue.try_send(greeting);
        }
        ends.queue = Some(queue);
    }
    let writing = start_writer(&stream, messages);
    let heard = hear(&stream, to_data);
    shared.lock().unwrap_or_else(PoisonError::into_inner).queue = None;
    let _ = stream.shutdown(Shutdown::Both);
    if let Some(writing) = writing {
        // A writer that panicked has said so.
        let _ = writing.join();
    }
    heard
}

/// The outbox has one holder beside us: the uplink. Without it there is nothing to link.
fn probe(shared: &Shared) -> Result<(), LinkDown> {
    if Arc::strong_count(shared) > 1 { Ok(()) } else { Err(LinkDown) }
}

fn start_writer(
    stream: &UnixStream,
    messages: Receiver<ToControl>,
) -> Option<thread::JoinHandle<()>> {
    let stream = stream.try_clone().ok()?;
    let write = move || {
        if let Err(fault) = write_all(&stream, &messages) {
            notice::warn!("the link to the control plane is down: {fault}");
        }
        let _ = stream.shutdown(Shutdown::Both);
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

/// Reads until the connection ends, however that is; `LinkDown` if nobody hears us.
fn hear(mut stream: &UnixStream, to_data: &Outbox<ToData>) -> Result<(), LinkDown> {
    if stream.set_read_timeout(Some(SILENCE)).is_err() {
        return Ok(());
    }
    loop {
        match next(&mut stream) {
            Ok(message) => to_data.send(message)?,
            Err(error) => {
                if error.kind() != io::ErrorKind::UnexpectedEof {
                    notice::warn!("the link to the control plane is down: {error}");
                }
                return Ok(());
            }
        }
    }
}

fn next(stream: &mut &UnixStream) -> io::Result<ToData> {
    let mut head = [0; LENGTH_BYTES];
    stream.read_exact(&mut head)?;
    let length = frame::length(head).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    if stream.take(length as u64).read_to_end(&mut bytes)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    ToData::read(&bytes).map_err(io::Error::other)
}
