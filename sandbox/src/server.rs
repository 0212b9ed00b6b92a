//! The listener, and the handle that owns a sandbox on a thread of its own.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::connection;
use crate::settings::Settings;
use crate::site::{Received, Site};
use crate::truth::Truth;

/// How long the listener rests when it cannot accept (no file descriptors left, mostly).
const ACCEPT_REST: Duration = Duration::from_millis(10);

/// What a handle wants of its listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Listening,
    /// Nobody listens: connections are refused by the kernel.
    Refusing,
    Stopped,
}

/// Serves on `listener` until the future is dropped. Needs tokio's I/O and time.
pub async fn serve(listener: StdListener, settings: Settings) -> io::Result<()> {
    let site = Site::open(settings)?;
    let (_keep, wanted) = watch::channel(Wanted::Listening);
    run(listener, site, wanted).await
}

/// Starts a sandbox on a thread of its own, at `addr` (port 0: any free port).
pub fn spawn(addr: SocketAddr, settings: Settings) -> io::Result<Handle> {
    let site = Site::open(settings)?;
    let listener = StdListener::bind(addr)?;
    let addr = listener.local_addr()?;
    let (wanted, wish) = watch::channel(Wanted::Listening);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = Arc::clone(&site);
    let thread = thread::Builder::new().name("sandbox".into()).spawn(move || {
        if let Err(error) = runtime.block_on(run(listener, shared, wish)) {
            notice::say!("the sandbox at {addr} ended: {error}");
        }
    })?;
    Ok(Handle { addr, site, wanted, thread: Some(thread) })
}

/// Accepts connections as long as it is wanted.
async fn run(
    listener: StdListener,
    site: Arc<Site>,
    mut wanted: watch::Receiver<Wanted>,
) -> io::Result<()> {
    let addr = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let mut listener = Some(TcpListener::from_std(listener)?);
    loop {
        let now = *wanted.borrow_and_update();
        match now {
            Wanted::Stopped => return Ok(()),
            Wanted::Refusing => listener = None,
            Wanted::Listening if listener.is_none() => {
                listener = Some(TcpListener::bind(addr).await?);
            }
            Wanted::Listening => {}
        }
        tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            () = accept(listener.as_ref(), &site) => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>, site: &Arc<Site>) {
    let Some(listener) = listener else { return std::future::pending().await };
    match listener.accept().await {
        Ok((stream, _)) => {
            tokio::spawn(connection::serve(stream, Arc::clone(site)));
        }
        Err(_) => tokio::time::sleep(ACCEPT_REST).await,
    }
}

/// A running sandbox; dropping it stops it and closes its connections.
#[derive(Debug)]
pub struct Handle {
    addr: SocketAddr,
    site: Arc<Site>,
    wanted: watch::Sender<Wanted>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a catalog calls its `base_url`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// What it would bill, oldest first; requests that still run are among it.
    pub fn truth(&self) -> Vec<Truth> {
        self.site.truth.all()
    }

    /// The truth once no request runs any more; what there is after `most` otherwise.
    pub fn settled(&self, most: Duration) -> Vec<Truth> {
        let until = Instant::now() + most;
        while self.site.truth.running() > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        self.truth()
    }

    /// The last requests as they were received, oldest first.
    pub fn requests(&self) -> Vec<Received> {
        self.site.received()
    }

    /// Connections accepted so far, and how many of them are open.
    pub fn connections(&self) -> (u64, u64) {
        let ended = self.site.ended.load(Ordering::Relaxed);
        let accepted = self.site.accepted.load(Ordering::Relaxed);
        (accepted, accepted.saturating_sub(ended))
    }

    /// Adds these wishes (`name[:arg]+…`) to every request from now on; empty: none any more.
    pub fn fault(&self, list: &str) {
        self.site.wish_always(list);
    }

    /// Adds these wishes to the next requests, one list each.
    pub fn fault_next(&self, lists: &[&str]) {
        self.site.wish_next(lists);
    }

    /// Stops or starts listening: connections are refused meanwhile; open ones go on.
    pub fn refuse(&self, refuse: bool) {
        let wish = if refuse { Wanted::Refusing } else { Wanted::Listening };
        let _ = self.wanted.send(wish);
        // The listener follows at its next turn; give it that.
        thread::sleep(Duration::from_millis(20));
    }

    /// Stops it: the listener and all connections are closed when this returns.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.wanted.send(Wanted::Stopped);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}
