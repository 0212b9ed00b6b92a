//! The certificate that clients see, followed as its files change.
//!
//! A thread of its own looks at both files every second and publishes what they hold; each core
//! takes the newest when it accepts a connection, and connections keep what they began with.
//! Invariants: the first certificate is read before any port listens; files that do not belong
//! together, as while both are being replaced, change nothing and are looked at again.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use channel::{Publisher, Reader, latest};

use crate::net::trust::Identity;
use crate::settings::TlsFiles;
use crate::worker::Course;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The certificate's files and what they were when last looked at.
pub struct Certificate {
    files: TlsFiles,
    seen: Stamps,
    publisher: Publisher<Identity>,
}

/// Length and time of change of both files; a file that is away has none.
type Stamps = [Option<(u64, SystemTime)>; 2];

impl Certificate {
    /// Reads both files, and makes the first of the readers.
    ///
    /// # Errors
    /// A file cannot be read, or they do not belong together.
    pub fn read(files: TlsFiles) -> io::Result<(Self, Reader<Identity>)> {
        let seen = stamps(&files);
        let (publisher, reader) = latest();
        publisher.publish(Arc::new(identity(&files)?));
        Ok((Self { files, seen, publisher }, reader))
    }

    /// A reader for one more core.
    pub fn add_reader(&mut self) -> Reader<Identity> {
        self.publisher.add_reader()
    }

    /// Follows the files until the cores come to their end.
    pub fn follow(mut self, course: &Course) {
        while !course.is_over() {
            thread::sleep(LOOK_EVERY);
            self.look();
        }
    }

    fn look(&mut self) {
        let stamps = stamps(&self.files);
        if stamps == self.seen {
            self.publisher.collect();
            return;
        }
        self.seen = stamps;
        match identity(&self.files) {
            Ok(identity) => {
                self.publisher.publish(Arc::new(identity));
                notice::info!("[listen] tls: {} is in use", self.files.cert.display());
            }
            Err(fault) => {
                notice::warn!("[listen] tls: {fault}; the certificate stays as it was");
            }
        }
    }
}

fn identity(files: &TlsFiles) -> io::Result<Identity> {
    Identity::new(&read(&files.cert)?, &read(&files.key)?)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let told =
        |fault: io::Error| io::Error::new(fault.kind(), format!("{}: {fault}", path.display()));
    fs::read(path).map_err(told)
}

fn stamps(files: &TlsFiles) -> Stamps {
    [&files.cert, &files.key].map(|path| {
        let about = fs::metadata(path).ok()?;
        Some((about.len(), about.modified().ok()?))
    })
}
