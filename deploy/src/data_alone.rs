//! `tollgate dataplane`: a data plane whose control plane is another process.
//!
//! A start takes over from the process that runs on the same data directory, if there is one; and
//! serves from what was published last, if the control plane is away.
//!
//! ```text
//!   sockets taken or bound ─▶ running ─┬─ a signal ─────────▶ drain ─▶ end
//!                              ▲       ├─ taken over ────────▶ retire ─▶ end
//!                              │       ├─ not let in ────────▶ drain ─▶ end with a mistake
//!                              └───────┴─ its epoch is fenced: the next begins, the old retires
//! ```

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dataplane::{Alone, Notice, Running};

use crate::config::{Config, DATA_DIRECTORY, LinkPlace, Mistake};
use crate::handover::{self, Sockets, Step};
use crate::plane_port::{PlanePort, Told};
use crate::serve::{data_settings, told};
use crate::signals;

/// How often the data plane is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What comes from outside.
enum Word {
    /// A new process is about to serve beside this one.
    Sharing,
    End(End),
}

/// What ends it.
enum End {
    Asked,
    TakenOver,
}

/// A data plane and what it is started with again.
struct Plane {
    config: Config,
    data: PathBuf,
    running: Running,
    /// Those that were fenced, while they come to their end.
    retiring: Vec<JoinHandle<()>>,
}

/// Runs until a signal asks for a stop, or another process takes over.
///
/// # Errors
/// Why it does not start, or is not let in.
pub fn run(config: &Path, data: Option<&Path>) -> Result<(), Mistake> {
    let config = Config::read(config)?;
    notice::set(config.log.level, config.log.format);
    let data = data.map_or_else(|| PathBuf::from(DATA_DIRECTORY), Path::to_owned);
    let (sender, words) = mpsc::channel();
    let stop = signals::listen().map_err(told)?;
    let asked = sender.clone();
    // Nobody waits for it: the process ends first.
    thread::spawn(move || {
        stop.wait();
        let _ = asked.send(Word::End(End::Asked));
    });

    let path = data.join("dataplane").join("handover.sock");
    let taken = handover::take(&path).map_err(told)?;
    let (sockets, operator) = match &taken {
        Some(taken) => {
            let customers = taken.sockets.customers.iter().map(TcpListener::try_clone);
            let customers = customers.collect::<Result<_, _>>().map_err(told)?;
            (customers, taken.sockets.operator.try_clone().map_err(told)?)
        }
        None => (Vec::new(), bind_operator(&config)?),
    };
    let running = start(&config, &data, sockets)?;
    let mut plane = Plane { config, data, running, retiring: Vec::new() };
    let port = PlanePort::start(operator.try_clone().map_err(told)?).map_err(told)?;
    let Some(early) = plane.until_listening(&words, &port)? else {
        plane.announce();
        let customers = plane.running.sockets().map_err(told)?;
        let given = Sockets { customers, operator };
        let tell = move |step| {
            let word = match step {
                Step::Asked => Word::Sharing,
                Step::Taken => Word::End(End::TakenOver),
            };
            // Nobody hears it when the end has come already.
            let _ = sender.send(word);
        };
        let offered = handover::offer(&path, given, tell);
        offered.map_err(|fault| Mistake(format!("{}: {fault}", path.display())))?;
        if let Some(taken) = taken {
            taken.confirm();
        }
        return plane.serve(&words, port);
    };
    plane.end(early, port);
    Ok(())
}

fn bind_operator(config: &Config) -> Result<TcpListener, Mistake> {
    let address = config.listen.admin;
    TcpListener::bind(address).map_err(|fault| {
        Mistake(format!("cannot listen on {address}: {fault}; set another [listen] admin"))
    })
}

fn start(config: &Config, data: &Path, sockets: Vec<TcpListener>) -> Result<Running, Mistake> {
    let Some(LinkPlace(path)) = config.link.control.clone() else {
        let remedy = "set it to the control plane's socket, such as \"unix:/run/tollgate.sock\"";
        return Err(Mistake(format!("[link] control is missing; {remedy}")));
    };
    let alone = Alone { is_control_away: !dataplane::is_there(&path) };
    let settings = data_settings(config, data, Some(alone))?;
    dataplane::start(settings, sockets, |to_data| dataplane::dial(path, to_data)).map_err(told)
}

impl Plane {
    fn announce(&self) {
        let (customers, operator) = (self.running.address(), self.config.listen.admin);
        notice::info!("data plane: customers http://{customers}, metrics http://{operator}");
    }

    /// Waits until every core listens, for as long as that takes; an end that came before.
    fn until_listening(
        &mut self,
        words: &Receiver<Word>,
        port: &PlanePort,
    ) -> Result<Option<End>, Mistake> {
        loop {
            self.tell(port);
            if self.running.is_listening() {
                return Ok(None);
            }
            if let Some(Notice::Refused(why)) = self.running.notice() {
                return Err(Mistake(why));
            }
            match words.recv_timeout(Duration::from_millis(5)) {
                Ok(Word::End(end)) => return Ok(Some(end)),
                Ok(Word::Sharing) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Some(End::Asked)),
            }
        }
    }

    fn tell(&self, port: &PlanePort) {
        port.tell(Told {
            is_listening: self.running.is_listening(),
            is_linked: self.running.is_linked(),
            report: self.running.report(),
        });
    }

    /// Serves until it ends.
    fn serve(mut self, words: &Receiver<Word>, port: PlanePort) -> Result<(), Mistake> {
        loop {
            match words.recv_timeout(LOOK) {
                Ok(Word::Sharing) => self.running.share(),
                Ok(Word::End(end)) => {
                    self.end(end, port);
                    return Ok(());
                }
                Err(RecvTimeoutError::Timeout) => self.tell(&port),
                Err(RecvTimeoutError::Disconnected) => {
                    self.end(End::Asked, port);
                    return Ok(());
                }
            }
            match self.running.notice() {
                Some(Notice::Refused(why)) => {
                    self.end(End::Asked, port);
                    return Err(Mistake(why));
                }
                Some(Notice::Fenced) => self = self.begin_again()?,
                None => {}
            }
        }
    }

    /// Begins the next epoch on the same sockets, and lets the fenced one come to its end.
    fn begin_again(self) -> Result<Self, Mistake> {
        let Self { config, data, running: fenced, mut retiring } = self;
        let running = start(&config, &data, fenced.sockets().map_err(told)?)?;
        retiring.push(thread::spawn(move || fenced.retire()));
        notice::info!("a new epoch begins");
        Ok(Self { config, data, running, retiring })
    }

    fn end(self, end: End, port: PlanePort) {
        drop(port);
        match end {
            End::Asked => {
                notice::info!("draining");
                self.running.drain();
            }
            End::TakenOver => {
                notice::info!("another process serves on; draining");
                self.running.retire();
            }
        }
        for fenced in self.retiring {
            // One that panicked has said so.
            let _ = fenced.join();
        }
    }
}
