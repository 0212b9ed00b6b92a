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
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dataplane::{Alone, Notice, Running};

use crate::config::{Config, DATA_DIRECTORY, LinkPlace, Mistake};
use crate::handover::{self, Door, Offer, Sockets, Taken};
use crate::plane_port::{PlanePort, Told};
use crate::serve::{data_settings, told};
use crate::{profile, signals};

/// How often the data plane is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long an answer to a process that would take over may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// What comes from outside.
enum Word {
    /// Whether a new process may take over; it is about to serve beside this one.
    MayTake(Sender<Result<(), String>>),
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
    /// The sockets, for whoever takes over.
    offer: Option<Offer>,
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
    let mut taken = handover::take(&path).map_err(told)?;
    if taken.is_some() && is_control_away(&config)? {
        return Err(no_credit());
    }
    let (sockets, operator) = match &taken {
        Some(taken) => clones(&taken.sockets)?,
        None => (Vec::new(), bind_operator(&config)?),
    };
    let running = start(&config, &data, sockets)?;
    let mut plane = Plane { config, data, running, retiring: Vec::new(), offer: None };
    let port = PlanePort::start(operator.try_clone().map_err(told)?).map_err(told)?;
    if let Some(early) = plane.until_listening(&words, &port)? {
        drop((taken, operator));
        plane.end(early, port);
        return Ok(());
    }
    let serves_on = |taken: &mut Taken| !taken.is_left_alone();
    if taken.as_mut().is_some_and(serves_on) && !plane.running.is_linked() {
        drop((taken, operator));
        plane.end(End::Asked, port);
        return Err(no_credit());
    }
    plane.announce();
    plane.offer(&path, taken, operator, sender)?;
    plane.serve(&words, port)
}

/// Why nobody may take over now.
fn no_credit() -> Mistake {
    Mistake(
        "the control plane is away, so that a new process would have no credit to serve with; the \
         one that runs serves on: start again when the control plane is back"
            .into(),
    )
}

fn clones(sockets: &Sockets) -> Result<(Vec<TcpListener>, TcpListener), Mistake> {
    let customers = sockets.customers.iter().map(TcpListener::try_clone);
    let customers = customers.collect::<Result<_, _>>().map_err(told)?;
    Ok((customers, sockets.operator.try_clone().map_err(told)?))
}

fn bind_operator(config: &Config) -> Result<TcpListener, Mistake> {
    let address = config.listen.admin;
    TcpListener::bind(address).map_err(|fault| {
        Mistake(format!("cannot listen on {address}: {fault}; set another [listen] admin"))
    })
}

fn control_path(config: &Config) -> Result<PathBuf, Mistake> {
    let Some(LinkPlace(path)) = config.link.control.clone() else {
        let remedy = "set it to the control plane's socket, such as \"unix:/run/tollgate.sock\"";
        return Err(Mistake(format!("[link] control is missing; {remedy}")));
    };
    Ok(path)
}

fn is_control_away(config: &Config) -> Result<bool, Mistake> {
    Ok(!dataplane::is_there(&control_path(config)?))
}

fn start(config: &Config, data: &Path, sockets: Vec<TcpListener>) -> Result<Running, Mistake> {
    let path = control_path(config)?;
    let alone = Alone { is_control_away: is_control_away(config)? };
    let brand = profile::read(&config.brand.profile)?.brand;
    let settings = data_settings(config, data, brand, Some(alone))?;
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
                // Nobody is asked to give what it has not offered.
                Ok(Word::MayTake(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Some(End::Asked)),
            }
        }
    }

    /// Stops the process that was taken over from, if there is one, and offers the sockets to the
    /// next. In this order: until the old one has heard it, the path is its own.
    fn offer(
        &mut self,
        path: &Path,
        taken: Option<Taken>,
        operator: TcpListener,
        words: Sender<Word>,
    ) -> Result<(), Mistake> {
        let told_path = |fault| Mistake(format!("{}: {fault}", path.display()));
        let customers = self.running.sockets().map_err(told)?;
        let door = Door::make(path).map_err(told_path)?;
        if let Some(taken) = taken {
            taken.confirm();
        }
        let asked = words.clone();
        let may_take = move || {
            let (answer, answered) = mpsc::channel();
            // One that is about to end answers no more, and has taken the sockets back.
            let _ = asked.send(Word::MayTake(answer));
            let answer = answered.recv_timeout(ANSWERED_WITHIN);
            answer.unwrap_or_else(|_| Err("the process that runs here does not answer".to_owned()))
        };
        // Nobody hears it when the end has come already.
        let is_taken = move || drop(words.send(Word::End(End::TakenOver)));
        match door.open(Sockets { customers, operator }, may_take, is_taken) {
            Ok(offer) => self.offer = Some(offer),
            // Whoever was before has stopped: this one serves, whatever comes after it.
            Err(fault) => notice::warn!("nobody can take over: {}", told_path(fault).0),
        }
        Ok(())
    }

    fn may_take(&self) -> Result<(), String> {
        if !self.running.is_linked() {
            return Err(no_credit().0);
        }
        self.running.share();
        Ok(())
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
                // Who asked may have gone.
                Ok(Word::MayTake(answer)) => drop(answer.send(self.may_take())),
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
        let Self { config, data, running: fenced, mut retiring, offer } = self;
        let running = start(&config, &data, fenced.sockets().map_err(told)?)?;
        retiring.push(thread::spawn(move || fenced.retire()));
        notice::info!("a new epoch begins");
        Ok(Self { config, data, running, retiring, offer })
    }

    fn end(self, end: End, port: PlanePort) {
        drop(port);
        if let Some(offer) = self.offer {
            offer.withdraw();
        }
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
