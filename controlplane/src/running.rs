//! A control plane that runs: its threads, its address, its end.
//!
//! Order of a start: data directory, admin token, signing key, address, books, and only then the
//! first answer.
//! Order of a stop: no new connections, running calls finished, then the ledger thread writes what
//! it has and a checkpoint. Nothing here is undone by dropping; whoever starts also stops.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use link::{LinkDown, Outbox, ToControl, ToData};
use tokio::net::UnixListener;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::task;

use crate::auth;
use crate::auth::Shared;
use crate::books::{self, Commands, Input, LedgerThread};
use crate::link::{LinkSocket, serve as serve_links};
use crate::receipt::Signer;
use crate::server;
use crate::settings::{Settings, StartError};

/// How long running calls may take to finish at a stop.
const DRAIN: Duration = Duration::from_secs(5);

/// A control plane that runs.
pub struct Running {
    admin: SocketAddr,
    queue: mpsc::Sender<Input>,
    ledger: JoinHandle<()>,
    server: task::JoinHandle<std::io::Result<()>>,
    stop: watch::Sender<bool>,
    runtime: Runtime,
    links: Arc<AtomicU64>,
    link_path: Option<PathBuf>,
}

/// Starts a control plane.
///
/// # Errors
/// The address, the data directory, or a journal that does not fold: see [`StartError`].
pub fn start(settings: Settings) -> Result<Running, StartError> {
    prepare(&settings.data)?;
    let token = Arc::new(auth::admin_token(&settings)?);
    let signer = Arc::new(Signer::open(&settings.data)?);
    let listen = |why| StartError::Listen { address: settings.admin, why };
    let listener = TcpListener::bind(settings.admin).map_err(listen)?;
    listener.set_nonblocking(true).map_err(listen)?;
    let admin = listener.local_addr().map_err(listen)?;
    let link_path = settings.link.clone();
    let socket = link_path.clone().map(bind_link).transpose()?;
    let settings = Settings { admin, ..settings };
    let LedgerThread { queue, handle } = books::start(&settings)?;
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(|error| StartError::System(format!("no runtime: {error}")))?;
    let (listener, socket) = {
        let _entered = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).map_err(listen)?;
        (listener, socket.map(|(path, bound)| listen_for_links(&path, bound)).transpose()?)
    };
    let terms = Arc::new(settings.profile.terms.clone());
    let (error_detail, plans) =
        (settings.profile.error_detail, Arc::new(settings.profile.plans.clone()));
    let commands = Commands::new(queue.clone());
    let shared = Shared { commands, token, signer, terms, error_detail, plans };
    let (stop, stopped) = watch::channel(false);
    let server = runtime.spawn(server::serve(listener, shared, stopped));
    let links = Arc::new(AtomicU64::new(0));
    if let Some(socket) = socket {
        runtime.spawn(serve_links(socket, Arc::clone(&links), queue.clone()));
    }
    Ok(Running { admin, queue, ledger: handle, server, stop, runtime, links, link_path })
}

fn bind_link(path: PathBuf) -> Result<(PathBuf, LinkSocket), StartError> {
    match LinkSocket::bind(&path) {
        Ok(bound) => Ok((path, bound)),
        Err(why) => Err(StartError::Link { path, why }),
    }
}

fn listen_for_links(path: &Path, bound: LinkSocket) -> Result<UnixListener, StartError> {
    bound.listen().map_err(|why| StartError::Link { path: path.to_owned(), why })
}

/// Makes the data directory where there is none, for its owner alone.
fn prepare(data: &Path) -> Result<(), StartError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|error| StartError::Data { path: data.to_owned(), why: error.to_string() })
}

impl Running {
    /// Where the admin and account APIs listen.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// The ledger's commands, for whoever composes the process.
    pub fn commands(&self) -> Commands {
        Commands::new(self.queue.clone())
    }

    /// Links a data plane: what is sent to it goes into `to_data`, what it says into the outbox
    /// that is returned. Its first message is `Hello`.
    pub fn attach(&self, to_data: Outbox<ToData>) -> Outbox<ToControl> {
        let link = self.links.fetch_add(1, Ordering::Relaxed) + 1;
        // A ledger that has ended is noticed at the first message.
        let _ = self.queue.send(Input::Attached { link, outbox: to_data });
        let queue = self.queue.clone();
        Outbox::new(move |message| {
            queue.send(Input::FromData { link, message, room: None }).map_err(|_| LinkDown)
        })
    }

    /// Stops in order: calls finished, everything on disk, a checkpoint written.
    pub fn stop(self) {
        self.end(true);
    }

    /// Stops as it stands: what was answered is on disk, nothing more is written.
    pub fn abandon(self) {
        self.end(false);
    }

    fn end(self, checkpoint: bool) {
        let Self { queue, ledger, server, stop, runtime, link_path, .. } = self;
        if let Some(path) = link_path {
            // While we still listen there, nobody else has taken the path. A socket that stays
            // behind is replaced by the next start.
            let _ = fs::remove_file(path);
        }
        // A server that has failed has nothing to finish.
        let _ = stop.send(true);
        if checkpoint {
            let _ = runtime.block_on(async { tokio::time::timeout(DRAIN, server).await });
        }
        let (done, ended) = mpsc::channel();
        if queue.send(Input::Stop { checkpoint, done }).is_ok() {
            let _ = ended.recv();
        }
        let _ = ledger.join();
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
}
