//! A request for an extraction: from gated members to an [`Intent`].
//!
//! Invariants: what is billed by is read here once; a member that is not known is refused, so that
//! a wish that is misspelt is never silently none.

use catalog::Parameters;
use wire::gate::TopLevel;
use wire::json::{Member, ValueKind, trimmed, unescape};

use super::Extraction;
use super::prompt::{ADDED_BYTES, read_prompt};
use super::schema::Schema;
use crate::client::ClientDialect;
use crate::intent::{Intent, RequestFault};
use crate::member::{named, read_bool, read_limit, read_model, read_session, read_text};
use crate::session::conversation;
use crate::wishes::WishReader;

/// Members that shape the answer; the prompt reads them.
const SHAPING: [&str; 6] =
    ["instructions", "temperature", "top_p", "seed", "user", "reasoning_effort"];

/// Reads a gated request. `body` is what the gate passed.
pub(crate) fn read_intent(top: &TopLevel, body: &[u8]) -> Result<Box<Intent>, RequestFault> {
    let mut intent = Intent::of(ClientDialect::Extraction);
    intent.places.object = trimmed(body);
    let mut reader = Reader { body, intent, wishes: WishReader::default(), schema: None };
    for member in top.iter().filter(|member| member.kind != ValueKind::Null) {
        let key = unescape(body, member.key).unwrap_or_default();
        reader.take(&key, member)?;
    }
    reader.finish(top)
}

/// A request half read.
struct Reader<'b> {
    body: &'b [u8],
    intent: Box<Intent>,
    wishes: WishReader,
    schema: Option<(Schema, usize)>,
}

impl Reader<'_> {
    fn take(&mut self, key: &str, member: &Member) -> Result<(), RequestFault> {
        let (body, intent) = (self.body, &mut self.intent);
        match key {
            "model" => intent.model = read_model(body, member)?,
            "input" => intent.conversation = conversation(0, read_input(body, member)?),
            "schema" => {
                let json = member.value.of(body);
                self.schema = Some((Schema::read(json)?, json.len()));
            }
            "max_tokens" => intent.output_limit = read_limit(body, Some(member), "max_tokens")?,
            "service_tier" => intent.service_tier = read_text(body, member, "service_tier")?,
            "session_id" => intent.session = read_session(body, member)?,
            "prompt_cache_key" => intent.cache_key = named(body, member),
            "stream" if read_bool(member, "stream")? => {
                let message = "an extraction is given when it is checked: leave `stream` out";
                return Err(RequestFault::invalid("stream", message));
            }
            "stream" => {}
            shaping if SHAPING.contains(&shaping) => {}
            other => {
                if !self.wishes.take(body, other.as_bytes(), member)? {
                    return Err(unknown(other));
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, top: &TopLevel) -> Result<Box<Intent>, RequestFault> {
        let mut intent = self.intent;
        let missing = |name: &'static str| {
            RequestFault::invalid(name, format!("an extraction must have a `{name}`"))
        };
        if intent.model.is_empty() {
            intent.model = self.wishes.first_model().ok_or_else(|| missing("model"))?;
        }
        if intent.conversation == 0 {
            return Err(missing("input"));
        }
        let (schema, schema_bytes) = self.schema.ok_or_else(|| missing("schema"))?;
        // What is malformed is told now, and not by whoever is asked first.
        read_prompt(self.body)?;
        for name in top.iter().map(|member| unescape(self.body, member.key).unwrap_or_default()) {
            let is_told = matches!(&*name, "temperature" | "top_p" | "seed" | "reasoning_effort");
            let known = Parameters::named(&name).filter(|_| is_told);
            intent.parameters = intent.parameters.with(known.unwrap_or_default());
        }
        let shape = Parameters::named("response_format").unwrap_or_default();
        intent.parameters = intent.parameters.with(shape);
        let extraction = Extraction::new(schema, intent.output_limit);
        intent.input.text_bytes = (self.body.len() + 2 * schema_bytes + ADDED_BYTES) as u64;
        intent.input.later_bytes = extraction.correction_max();
        intent.extraction = Some(Box::new(extraction));
        intent.wishes = self.wishes.finish()?;
        Ok(intent)
    }
}

fn read_input<'b>(body: &'b [u8], member: &Member) -> Result<&'b [u8], RequestFault> {
    let text = member.value.of(body);
    if member.kind != ValueKind::String || text.len() <= 2 {
        return Err(RequestFault::invalid("input", "`input` must be a text that is not empty"));
    }
    Ok(text)
}

fn unknown(key: &str) -> RequestFault {
    let key = &key[..key.floor_char_boundary(64)];
    let message = format!("an extraction has no `{key}`; leave it out");
    RequestFault { param: None, message, unsupported: false }
}
