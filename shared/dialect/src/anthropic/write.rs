//! A request of another dialect as Anthropic reads it.
//!
//! Invariants: model, cap and streaming are those that were priced; nothing is said that this model
//! refuses; what is left out is told, or the request is refused.

use wire::splice::write_string;

use super::family::Family;
use super::json::{Object, each, list};
use super::marks::Marks;
use super::schema::{write_input, write_strict};
use super::settings::{ANSWER_TOOL, Shaping, Thinking, write_sampling};
use super::turns::{is_instructions_alone, is_said, write_messages, write_part};
use crate::dropped::Dropped;
use crate::intent::{Intent, RequestFault, UpstreamTerms};
use crate::prompt::{Part, PartKind, Prompt, Shape, Tool, ToolChoice};
use crate::session::hash;

/// Longest name of a tool.
const NAME_BYTES_MAX: usize = 128;
/// Most tools that may be followed to the letter.
const STRICT_MAX: usize = 20;

/// Writes what a request of another dialect says.
pub fn write_prompt(
    prompt: &Prompt<'_>,
    intent: &Intent,
    terms: &UpstreamTerms<'_>,
    dropped: &mut Dropped,
    out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    let writer = Writer::new(prompt, terms, dropped)?;
    let mut body = Object::open(out);
    body.raw("model", terms.model_json);
    body.plain("max_tokens", terms.output_cap);
    if intent.stream {
        body.plain("stream", true);
    }
    writer.write_input(&mut body)?;
    write_sampling(prompt, writer.family, writer.thinking, dropped, &mut body);
    write_stops(prompt, dropped, &mut body);
    if let Some(user) = &prompt.user {
        // Whose request it is must not tell who that is.
        let user = format!("{:016x}", hash(user.as_bytes()));
        let mut metadata = Object::open(body.name("metadata"));
        metadata.text("user_id", &user);
        metadata.close();
    }
    if let Some(tier) = &prompt.service_tier {
        let is_better = matches!(&**tier, "auto" | "priority");
        body.text("service_tier", if is_better { "auto" } else { "standard_only" });
    }
    if prompt.verbosity.is_some() {
        dropped.add("verbosity");
    }
    body.close();
    Ok(())
}

/// Writes what of a request is counted as its input.
pub(super) fn write_counted(
    prompt: &Prompt<'_>,
    terms: &UpstreamTerms<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    let writer = Writer::new(prompt, terms, &mut Dropped::default())?;
    let mut body = Object::open(out);
    body.raw("model", terms.model_json);
    writer.write_input(&mut body)?;
    body.close();
    Ok(())
}

/// A request half written: what was decided about it.
struct Writer<'p> {
    prompt: &'p Prompt<'p>,
    family: Family,
    thinking: Thinking,
    shaping: Shaping,
    /// The tools that may be called.
    tools: Vec<&'p Tool<'p>>,
    is_strict: bool,
}

impl<'p> Writer<'p> {
    fn new(
        prompt: &'p Prompt<'p>,
        terms: &UpstreamTerms<'_>,
        dropped: &mut Dropped,
    ) -> Result<Self, RequestFault> {
        let family = Family::of(terms.model_json);
        let thinking = Thinking::of(prompt, terms, family, dropped)?;
        let shaping = Shaping::of(prompt, family, thinking);
        let tools = allowed(prompt);
        let strict = tools.iter().filter(|tool| tool.strict == Some(true)).count();
        let is_strict = family.follows_schemas() && strict <= STRICT_MAX;
        if strict > 0 && !is_strict {
            dropped.add("strict");
        }
        Ok(Self { prompt, family, thinking, shaping, tools, is_strict })
    }

    fn write_input(&self, body: &mut Object<'_>) -> Result<(), RequestFault> {
        let mut marks = Marks::of(self.prompt, &self.tools);
        self.write_tools(&mut marks, body)?;
        self.write_system(&mut marks, body)?;
        write_messages(self.prompt, self.family, &mut marks, body.name("messages"))?;
        if self.thinking != Thinking::Unsaid {
            self.thinking.write(body.name("thinking"));
        }
        self.write_output_config(body);
        Ok(())
    }

    fn write_tools(&self, marks: &mut Marks, body: &mut Object<'_>) -> Result<(), RequestFault> {
        if self.shaping == Shaping::Tool {
            return self.write_answer_tool(body);
        }
        if self.tools.is_empty() {
            self.write_called_tools(body);
            return Ok(());
        }
        list(&self.tools, body.name("tools"), |tool, out| self.write_tool(tool, marks, out))?;
        self.write_choice(body);
        Ok(())
    }

    /// A conversation with calls is refused without tools: those that were called before are
    /// named, and none may be called.
    fn write_called_tools(&self, body: &mut Object<'_>) {
        let mut names: Vec<&str> = self.prompt.calls().map(|call| &*call.name).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return;
        }
        each(names, body.name("tools"), |name, out| {
            let mut tool = Object::open(out);
            tool.text("name", name);
            write_input(None, tool.name("input_schema"));
            tool.close();
        });
        Object::of("none", body.name("tool_choice")).close();
    }

    fn write_tool(
        &self,
        tool: &Tool<'_>,
        marks: &mut Marks,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestFault> {
        let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let is_short = (1..=NAME_BYTES_MAX).contains(&tool.name.len());
        if !is_short || !tool.name.bytes().all(is_taken) {
            let message = format!(
                "this model takes names of tools in letters, digits, `_` and `-` only; rename `{}`",
                tool.name
            );
            return Err(RequestFault::unsupported("tools", message));
        }
        let mut object = Object::open(out);
        object.text("name", &tool.name);
        if let Some(description) = &tool.description {
            object.text("description", description);
        }
        let mut schema = Vec::new();
        write_input(tool.schema.as_ref().map(|schema| schema.get().as_bytes()), &mut schema);
        if self.is_strict && tool.strict == Some(true) {
            write_strict(&schema, object.name("input_schema"));
            object.plain("strict", true);
        } else {
            object.raw("input_schema", &schema);
        }
        marks.write(tool.cache, &mut object);
        object.close();
        Ok(())
    }

    fn write_choice(&self, body: &mut Object<'_>) {
        let is_single = self.prompt.parallel_calls == Some(false);
        let (kind, name) = match &self.prompt.tool_choice {
            None if is_single => ("auto", None),
            None => return,
            Some(ToolChoice::None) => ("none", None),
            Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => ("auto", None),
            Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => {
                ("any", None)
            }
            Some(ToolChoice::Named(name)) => ("tool", Some(name)),
        };
        let mut choice = Object::of(kind, body.name("tool_choice"));
        if let Some(name) = name {
            choice.text("name", name);
        }
        if is_single && kind != "none" {
            choice.plain("disable_parallel_tool_use", true);
        }
        choice.close();
    }

    /// An answer in JSON as the call of a tool: the decoder makes it a text again.
    fn write_answer_tool(&self, body: &mut Object<'_>) -> Result<(), RequestFault> {
        let schema = match &self.prompt.shape {
            Shape::Schema { schema, .. } => Some(schema.get().as_bytes()),
            _ => None,
        };
        let tools = body.name("tools");
        tools.push(b'[');
        let mut tool = Object::open(tools);
        tool.text("name", ANSWER_TOOL);
        tool.text("description", "Gives the whole answer, as a JSON object.");
        write_input(schema, tool.name("input_schema"));
        tool.close();
        tools.push(b']');
        let mut choice = Object::of("tool", body.name("tool_choice"));
        choice.text("name", ANSWER_TOOL);
        choice.close();
        Ok(())
    }

    fn write_system(&self, marks: &mut Marks, body: &mut Object<'_>) -> Result<(), RequestFault> {
        let system: &[Part<'_>] =
            if is_instructions_alone(self.prompt) { &[] } else { &self.prompt.system };
        let system: Vec<_> = system.iter().filter(|part| is_said(&part.kind)).collect();
        let shaped = (self.shaping == Shaping::Instruction).then(|| self.instruction());
        if system.is_empty() && shaped.is_none() {
            return Ok(());
        }
        list(system.into_iter().chain(&shaped), body.name("system"), |part, out| match part.kind {
            PartKind::Text(_) => write_part(part, marks, out),
            _ => Err(RequestFault::unsupported("messages", "instructions must be text here")),
        })
    }

    fn instruction(&self) -> Part<'static> {
        const ALONE: &str = "Answer with one JSON object and nothing else: no words around it, no \
            code fence.";
        Part::text(match &self.prompt.shape {
            Shape::Schema { schema, .. } => {
                let schema = schema.get();
                format!("{ALONE} It must be valid against this JSON Schema:\n{schema}")
            }
            _ => ALONE.to_owned(),
        })
    }

    fn write_output_config(&self, body: &mut Object<'_>) {
        let format = match &self.prompt.shape {
            Shape::Schema { schema, .. } if self.shaping == Shaping::Format => Some(schema.get()),
            _ => None,
        };
        let effort = self.thinking.effort();
        if format.is_none() && effort.is_none() {
            return;
        }
        let mut config = Object::open(body.name("output_config"));
        if let Some(effort) = effort {
            config.text("effort", effort);
        }
        if let Some(schema) = format {
            let mut format = Object::of("json_schema", config.name("format"));
            write_strict(schema.as_bytes(), format.name("schema"));
            format.close();
        }
        config.close();
    }
}

/// The tools that may be called.
fn allowed<'p>(prompt: &'p Prompt<'p>) -> Vec<&'p Tool<'p>> {
    let may = |tool: &&Tool<'_>| match &prompt.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
        _ => true,
    };
    prompt.tools.iter().filter(may).collect()
}

/// Texts of white space alone are refused as stop sequences.
fn write_stops(prompt: &Prompt<'_>, dropped: &mut Dropped, body: &mut Object<'_>) {
    let (stops, blank): (Vec<_>, Vec<_>) =
        prompt.stop.iter().partition(|stop| !stop.trim().is_empty());
    if !blank.is_empty() {
        dropped.add("stop");
    }
    if stops.is_empty() {
        return;
    }
    each(stops, body.name("stop_sequences"), |stop, out| write_string(stop, out));
}
