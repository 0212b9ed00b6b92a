//! Requests of plain inputs: a text, several, or tokens in place of texts. What OpenAI's legacy
//! completions and embeddings have in common.
//!
//! Invariants: each token of an array counts once; texts count by the bytes of the body. Each input
//! may fill the context by itself.

use catalog::Parameters;
use wire::gate::TopLevel;
use wire::json::{Member, ValueKind, elements, trimmed, u64_value, unescape};

use crate::client::ClientDialect;
use crate::intent::{Intent, RequestFault};
use crate::member::{read_bool, read_model, read_text};
use crate::private;
use crate::wishes::WishReader;

/// What is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// How many there are.
    pub(crate) count: u64,
    /// Tokens among them.
    pub(crate) tokens: u64,
    /// Bytes of the arrays in which they stand.
    token_bytes: u64,
    /// Bytes of the texts, as written.
    pub(crate) text_bytes: u64,
}

/// A request half read.
pub(crate) struct PlainReader<'b> {
    pub(crate) body: &'b [u8],
    pub(crate) intent: Box<Intent>,
    pub(crate) inputs: Inputs,
    wishes: WishReader,
}

impl<'b> PlainReader<'b> {
    pub(crate) fn new(client: ClientDialect, body: &'b [u8]) -> Self {
        let mut intent = Intent::of(client);
        intent.places.object = trimmed(body);
        Self { body, intent, inputs: Inputs::default(), wishes: WishReader::default() }
    }

    /// Takes a member that both dialects have, or that is the gateway's.
    pub(crate) fn take(&mut self, key: &[u8], member: &Member) -> Result<(), RequestFault> {
        let Self { body, intent, wishes, .. } = self;
        match key {
            b"model" => {
                intent.model = read_model(body, member)?;
                intent.places.model = Some(member.value);
            }
            b"stream" => intent.stream = read_bool(member, "stream")?,
            b"service_tier" => intent.service_tier = read_text(body, member, "service_tier")?,
            _ => private::take(intent, wishes, body, (key, member))?,
        }
        Ok(())
    }

    /// Takes the member that holds the inputs.
    pub(crate) fn take_inputs(
        &mut self,
        member: &Member,
        param: &'static str,
        most: u64,
    ) -> Result<(), RequestFault> {
        let inputs = Inputs::read(self.body, member).filter(|inputs| inputs.count > 0);
        let inputs = inputs.ok_or_else(|| {
            let message = format!(
                "`{param}` must be a string, an array of strings, an array of tokens, or an array \
                 of such arrays, and not empty"
            );
            RequestFault::invalid(param, message)
        })?;
        if inputs.count > most {
            let message =
                format!("`{param}` may hold {most} inputs at most; send several requests");
            return Err(RequestFault::invalid(param, message));
        }
        self.inputs = inputs;
        Ok(())
    }

    /// The request as read, all of whose members were taken.
    pub(crate) fn finish(
        mut self,
        top: &TopLevel,
        param: &'static str,
    ) -> Result<Box<Intent>, RequestFault> {
        let intent = &mut self.intent;
        if intent.model.is_empty() {
            intent.model = self.wishes.first_model().unwrap_or_default();
        }
        if intent.model.is_empty() {
            return Err(RequestFault::invalid("model", "a request must name its `model`"));
        }
        if self.inputs.count == 0 {
            let message = format!("a request must have `{param}`");
            return Err(RequestFault::invalid(param, message));
        }
        let input = &mut intent.input;
        input.text_bytes = self.body.len() as u64 - self.inputs.token_bytes;
        (input.tokens, input.inputs) = (self.inputs.tokens, self.inputs.count);
        if self.wishes.requires_parameters() {
            for member in top.iter().filter(|member| member.kind != ValueKind::Null) {
                let key = unescape(self.body, member.key).unwrap_or_default();
                if let Some(parameter) = Parameters::named(&key) {
                    intent.parameters = intent.parameters.with(parameter);
                }
            }
        }
        self.intent.wishes = self.wishes.finish()?;
        Ok(self.intent)
    }
}

impl Inputs {
    /// Reads inputs; `None` where they are of no form that there is.
    fn read(body: &[u8], member: &Member) -> Option<Self> {
        let value = member.value.of(body);
        match member.kind {
            ValueKind::String => Some(Self::of_text(value)),
            ValueKind::Array => Self::of_array(value),
            _ => None,
        }
    }

    const fn of_text(text: &[u8]) -> Self {
        Self { count: 1, tokens: 0, token_bytes: 0, text_bytes: text.len() as u64 }
    }

    fn of_array(array: &[u8]) -> Option<Self> {
        let kind = elements(array).next()?.ok()?.1;
        if kind == ValueKind::Number {
            return Self::of_tokens(array);
        }
        let mut all = Self::default();
        for item in elements(array) {
            let (span, item_kind) = item.ok().filter(|(_, item_kind)| *item_kind == kind)?;
            let one = match item_kind {
                ValueKind::String => Self::of_text(span.of(array)),
                ValueKind::Array => Self::of_tokens(span.of(array))?,
                _ => return None,
            };
            all.count += one.count;
            all.tokens += one.tokens;
            all.token_bytes += one.token_bytes;
            all.text_bytes += one.text_bytes;
        }
        Some(all)
    }

    fn of_tokens(array: &[u8]) -> Option<Self> {
        let mut tokens = 0;
        for item in elements(array) {
            let (span, _) = item.ok()?;
            u64_value(span.of(array))?;
            tokens += 1;
        }
        let token_bytes = array.len() as u64;
        (tokens > 0).then_some(Self { count: 1, tokens, token_bytes, text_bytes: 0 })
    }
}
