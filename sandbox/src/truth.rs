//! The truth log: what the sandbox would bill, request by request.
//!
//! Owns the records in memory (the last ones) and the lines on disk. Invariants: every request
//! that could be read has exactly one record, opened before the answer begins; it holds what was
//! generated, whatever the usage told the caller; a record is final before the answer's last bytes
//! leave, so that whoever read the whole answer finds the truth finished. One exception: a client
//! that closes while those last bytes are on their way turns it into `aborted`.
//! Left out on purpose: prices. The sandbox counts, it does not charge.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use units::{TokenClass, Tokens};

use crate::dialect::Dialect;

/// How a request ended for the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Still being answered.
    Running,
    /// Answered to the end.
    Finished,
    /// The client went away; what was generated until then is billed.
    Aborted,
    /// A fault that was wished for broke the answer off.
    Broken,
    /// Answered with an error: nothing is billed.
    Refused,
}

/// What was billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billed {
    /// All input tokens, cached and written ones included.
    pub prompt: u64,
    /// Of `prompt`, those read from the cache.
    pub cached: u64,
    /// Of `prompt`, those written to the cache (for five minutes, where there are two lengths).
    pub cache_write: u64,
    /// Of `prompt`, those written to the cache for an hour.
    pub cache_write_1h: u64,
    /// Of `prompt`, those of audio parts.
    pub audio: u64,
    /// Of `prompt`, those of images that count as such.
    pub image: u64,
    /// All output tokens generated so far, reasoning included.
    pub completion: u64,
    /// Of `completion`, those of hidden reasoning.
    pub reasoning: u64,
    /// Of `completion`, those that were spoken.
    pub audio_out: u64,
    /// Of `completion`, those that were painted.
    pub image_out: u64,
    /// Searches made.
    pub searches: u64,
}

impl Billed {
    /// What is billed of it before anything was said.
    pub(crate) const fn of_the_prompt(self) -> Self {
        Self { completion: 0, reasoning: 0, audio_out: 0, image_out: 0, searches: 0, ..self }
    }

    /// The same as disjoint classes, the form that prices multiply.
    pub fn tokens(&self) -> Tokens {
        let mut tokens = Tokens::ZERO;
        let media = self.audio + self.image;
        let written = self.cache_write + self.cache_write_1h;
        tokens[TokenClass::Input] = self.prompt - self.cached - written - media;
        tokens[TokenClass::CacheRead] = self.cached;
        tokens[TokenClass::CacheWrite] = self.cache_write;
        tokens[TokenClass::CacheWrite1h] = self.cache_write_1h;
        tokens[TokenClass::AudioInput] = self.audio;
        tokens[TokenClass::ImageInput] = self.image;
        let special = self.reasoning + self.audio_out + self.image_out;
        tokens[TokenClass::Output] = self.completion - special;
        tokens[TokenClass::Reasoning] = self.reasoning;
        tokens[TokenClass::AudioOutput] = self.audio_out;
        tokens[TokenClass::ImageOutput] = self.image_out;
        tokens[TokenClass::Search] = self.searches;
        tokens
    }
}

/// One request, as a provider would bill it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The sandbox's id of the request: the answer's `x-request-id`.
    pub request: String,
    /// The answer's id: `chatcmpl-…`, `msg_…`, or Gemini's `responseId`.
    pub id: String,
    /// The dialect that was spoken.
    pub dialect: Dialect,
    /// The path that was asked.
    pub path: String,
    /// The header `x-generation-id` as it was received.
    pub generation: Option<String>,
    /// The header `x-request-id` as it was received.
    pub caller_request: Option<String>,
    /// The model as it was asked for.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The output cap as it was received.
    pub max_tokens: Option<u64>,
    /// The service tier that the answer named.
    pub tier: Option<String>,
    /// The answer's status.
    pub status: u16,
    /// The wishes of the request, empty when there were none.
    pub fault: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What is billed.
    #[serde(flatten)]
    pub billed: Billed,
}

/// All truths of a sandbox.
#[derive(Debug)]
pub(crate) struct TruthLog {
    kept: Mutex<Kept>,
    file: Option<File>,
}

#[derive(Debug)]
struct Kept {
    last: VecDeque<Truth>,
    /// The number of the first record that is still kept.
    first: u64,
    most: usize,
    running: u64,
}

impl TruthLog {
    pub(crate) fn open(path: Option<&Path>, most: usize) -> io::Result<Self> {
        let file = match path {
            Some(path) => Some(OpenOptions::new().create(true).append(true).open(path)?),
            None => None,
        };
        let kept = Kept { last: VecDeque::new(), first: 0, most: most.max(1), running: 0 };
        Ok(Self { kept: Mutex::new(kept), file })
    }

    pub(crate) fn all(&self) -> Vec<Truth> {
        self.kept().last.iter().cloned().collect()
    }

    pub(crate) fn running(&self) -> u64 {
        self.kept().running
    }

    /// Begins a record; it is `Running` until it is told otherwise.
    pub(crate) fn begin(self: &Arc<Self>, truth: Truth) -> Record {
        let mut kept = self.kept();
        if kept.last.len() == kept.most {
            kept.last.pop_front();
            kept.first += 1;
        }
        let number = kept.first + kept.last.len() as u64;
        kept.last.push_back(truth.clone());
        kept.running += 1;
        drop(kept);
        Record { log: Arc::clone(self), number, truth }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, number: u64, truth: &Truth) {
        let mut kept = self.kept();
        let place = number.checked_sub(kept.first).and_then(|place| usize::try_from(place).ok());
        if let Some(slot) = place.and_then(|place| kept.last.get_mut(place)) {
            slot.clone_from(truth);
        }
    }

    fn end(&self, truth: &Truth) {
        self.kept().running -= 1;
        let Some(mut file) = self.file.as_ref() else { return };
        if let Ok(mut line) = serde_json::to_vec(truth) {
            line.push(b'\n');
            // One write a line: lines of several connections never mix. A full disk loses the
            // line but not the answer; the records in memory stay.
            let _ = file.write_all(&line);
        }
    }
}

/// A record that is being written; its line goes to the file when it is dropped.
#[derive(Debug)]
pub(crate) struct Record {
    log: Arc<TruthLog>,
    number: u64,
    pub(crate) truth: Truth,
}

impl Record {
    /// Settles the record before the last bytes leave.
    pub(crate) fn set(&mut self, outcome: Outcome) {
        self.truth.outcome = outcome;
        self.log.store(self.number, &self.truth);
    }
}

impl Drop for Record {
    /// A record dropped while it runs belongs to a connection that was torn down: aborted.
    fn drop(&mut self) {
        if self.truth.outcome == Outcome::Running {
            self.set(Outcome::Aborted);
        }
        self.log.end(&self.truth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(id: &str) -> Truth {
        Truth {
            request: id.into(),
            id: id.into(),
            dialect: Dialect::OpenAi,
            path: "/v1/chat/completions".into(),
            generation: None,
            caller_request: None,
            model: "chat".into(),
            stream: false,
            max_tokens: None,
            tier: None,
            status: 200,
            fault: String::new(),
            outcome: Outcome::Running,
            billed: Billed::default(),
        }
    }

    #[test]
    fn classes_are_disjoint_and_leave_nothing_out() {
        let billed = Billed {
            prompt: 100,
            cached: 40,
            cache_write: 5,
            cache_write_1h: 6,
            audio: 7,
            image: 8,
            completion: 30,
            reasoning: 9,
            audio_out: 2,
            image_out: 3,
            searches: 1,
        };
        let tokens = billed.tokens();
        assert_eq!((tokens.input_total(), tokens.output_total()), (100, 30));
        assert_eq!((tokens[TokenClass::Input], tokens[TokenClass::Output]), (34, 16));
    }

    #[test]
    fn only_the_last_records_are_kept() {
        let log = Arc::new(TruthLog::open(None, 2).unwrap());
        let mut records: Vec<_> = ["a", "b", "c"].map(|id| log.begin(truth(id))).into();
        records[0].set(Outcome::Finished);
        records[2].set(Outcome::Broken);
        assert_eq!(log.running(), 3);
        drop(records);
        let kept: Vec<_> = log.all().into_iter().map(|kept| (kept.id, kept.outcome)).collect();
        assert_eq!(kept, [("b".into(), Outcome::Aborted), ("c".into(), Outcome::Broken)]);
        assert_eq!(log.running(), 0);
    }

    #[test]
    fn a_line_reads_back_as_its_truth() {
        let path = std::env::temp_dir().join(format!("sandbox-truth-{}", std::process::id()));
        let log = Arc::new(TruthLog::open(Some(&path), 8).unwrap());
        log.begin(truth("x")).set(Outcome::Finished);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let read: Truth = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(Some(&read), log.all().first());
    }
}
