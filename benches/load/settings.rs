//! What the bench is told on its command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::Failure;
use crate::report::Figure;

const USAGE: &str =
    "usage: load [--seconds S] [--rounds N] [--streams N] [--figures LIST] [--smoke]
            [--only PEER] [--binary FILE] [--beside FILE] [--out FILE] [--data FOLDER]

  --seconds S     how long each figure is measured (5)
  --rounds N      rounds; the table shows medians (3)
  --streams N     streams held open to measure their memory (1000)
  --figures LIST  of small,large,burst,paced,dense,memory,latency; others are not measured, and
                  no results kept (all of them)
  --smoke         one short round, about twenty seconds; keeps no results
  --only PEER     nginx or tollgate alone
  --binary FILE   the gateway (the one beside this program)
  --beside FILE   another build of the gateway, to compare the two; no results kept
  --out FILE      where results are written (benches/results/load.json)
  --data FOLDER   where the gateway keeps its journal (a folder of its own under the system's
                  temporary folder); name one on the disk you mean to measure";

/// What is measured, how long, and with which binary.
pub(crate) struct Settings {
    pub measured: Duration,
    /// Time before each measurement that is not counted.
    pub warm: Duration,
    pub rounds: u32,
    pub streams: usize,
    pub figures: Vec<Figure>,
    only: Option<String>,
    pub binary: PathBuf,
    pub beside: Option<PathBuf>,
    pub out: Option<PathBuf>,
    pub data_folder: PathBuf,
}

impl Settings {
    pub(crate) fn from_arguments(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, Failure> {
        let mut settings = Self::usual()?;
        while let Some(name) = arguments.next() {
            if name == "--smoke" {
                settings.make_short();
                continue;
            }
            let value = arguments.next().ok_or(USAGE)?;
            settings.set(&name, value)?;
        }
        Ok(settings)
    }

    fn usual() -> Result<Self, Failure> {
        Ok(Self {
            measured: Duration::from_secs(5),
            warm: Duration::from_millis(500),
            rounds: 3,
            streams: 1000,
            figures: Figure::ALL.to_vec(),
            only: None,
            beside: None,
            binary: std::env::current_exe()?.with_file_name("tollgate"),
            out: Some(PathBuf::from("benches/results/load.json")),
            data_folder: std::env::temp_dir().join(format!("tollgate-load-{}", std::process::id())),
        })
    }

    /// What is measured, in the order of the table.
    pub(crate) fn peers(&self) -> Result<Vec<&'static str>, Failure> {
        let beside = self.beside.as_ref().map(|_| "beside");
        let peers = ["tollgate"].into_iter().chain(beside).chain(["nginx"]);
        let wanted = |name: &&str| self.only.as_deref().is_none_or(|only| only == *name);
        let peers = peers.filter(wanted).collect::<Vec<_>>();
        if peers.is_empty() { Err(USAGE.into()) } else { Ok(peers) }
    }

    fn make_short(&mut self) {
        self.measured = Duration::from_millis(1200);
        self.warm = Duration::from_millis(200);
        (self.rounds, self.streams, self.out) = (1, 200, None);
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Failure> {
        match name {
            "--seconds" => self.measured = Duration::try_from_secs_f64(value.parse()?)?,
            "--rounds" => self.rounds = value.parse::<u32>()?.max(1),
            "--streams" => self.streams = value.parse()?,
            "--figures" => {
                self.figures = value.split(',').map(figure).collect::<Result<_, _>>()?;
                self.out = None;
            }
            "--only" => self.only = Some(value),
            "--binary" => self.binary = PathBuf::from(value),
            "--beside" => (self.beside, self.out) = (Some(PathBuf::from(value)), None),
            "--out" => self.out = Some(PathBuf::from(value)),
            "--data" => self.data_folder = PathBuf::from(value),
            _ => return Err(USAGE.into()),
        }
        Ok(())
    }
}

fn figure(name: &str) -> Result<Figure, Failure> {
    Ok(match name {
        "small" => Figure::Small,
        "large" => Figure::Large,
        "burst" => Figure::Burst,
        "paced" => Figure::Paced,
        "dense" => Figure::Dense,
        "memory" => Figure::Memory,
        "latency" => Figure::AddedMedian,
        _ => return Err(USAGE.into()),
    })
}
