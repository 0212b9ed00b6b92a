//! The item of a response that goes on: its parts, its end, and the events that tell both.

use std::io::Write;

use wire::splice::write_string;

use super::encode::{Encoder, Open};
use super::object::{Item, Voice, write_summary};
use crate::frames::{Frames, Label};

impl Encoder {
    pub(super) fn say(
        &mut self,
        voice: Voice,
        more: &str,
        label: &Label<'_>,
        frames: &mut Frames<'_>,
    ) {
        let goes_on = match &self.open {
            Open::Message { voice: open, .. } => *open == voice,
            _ => false,
        };
        if !goes_on {
            self.begin_part(voice, label, frames);
        }
        let Open::Message { count, text, .. } = &mut self.open else { return };
        text.push_str(more);
        let place = *count;
        let (name, _) = voice.names();
        self.emit_in(&[name, ".delta"].concat(), frames, |out| {
            let _ = write!(out, r#","content_index":{place},"delta":"#);
            write_string(more, out);
            if voice == Voice::Text {
                out.extend(br#","logprobs":[]"#);
            }
        });
    }

    fn begin_part(&mut self, next: Voice, label: &Label<'_>, frames: &mut Frames<'_>) {
        if matches!(self.open, Open::Message { .. }) {
            self.end_part(frames);
        } else {
            self.close("completed", frames);
            self.add("msg", &Item::Message(b""), label, frames);
            let (parts, text) = (Vec::new(), String::new());
            self.open = Open::Message { parts, count: 0, voice: next, text };
        }
        let Open::Message { count, voice, .. } = &mut self.open else { return };
        *voice = next;
        let place = *count;
        self.emit_in("response.content_part.added", frames, |out| {
            let _ = write!(out, r#","content_index":{place},"part":"#);
            next.write("", out);
        });
    }

    fn end_part(&mut self, frames: &mut Frames<'_>) {
        let Open::Message { parts, count, voice, text } = &mut self.open else { return };
        let (place, voice, text) = (*count, *voice, std::mem::take(text));
        *count += 1;
        if place > 0 {
            parts.push(b',');
        }
        voice.write(&text, parts);
        let (name, member) = voice.names();
        self.emit_in(&[name, ".done"].concat(), frames, |out| {
            let _ = write!(out, r#","content_index":{place},"{member}":"#);
            write_string(&text, out);
            if voice == Voice::Text {
                out.extend(br#","logprobs":[]"#);
            }
        });
        self.emit_in("response.content_part.done", frames, |out| {
            let _ = write!(out, r#","content_index":{place},"part":"#);
            voice.write(&text, out);
        });
    }

    pub(super) fn think(&mut self, more: &str, label: &Label<'_>, frames: &mut Frames<'_>) {
        if !matches!(self.open, Open::Thought(_)) {
            self.close("completed", frames);
            self.add("rs", &Item::Thought { text: "", sealed: None }, label, frames);
            self.open = Open::Thought(String::new());
            self.emit_in("response.reasoning_summary_part.added", frames, |out| {
                out.extend(br#","summary_index":0,"part":"#);
                write_summary("", out);
            });
        }
        if let Open::Thought(text) = &mut self.open {
            text.push_str(more);
        }
        self.emit_in("response.reasoning_summary_text.delta", frames, |out| {
            out.extend(br#","summary_index":0,"delta":"#);
            write_string(more, out);
        });
    }

    /// Ends the thought that goes on, or tells one that is not shown.
    pub(super) fn seal(&mut self, sealed: &str, label: &Label<'_>, frames: &mut Frames<'_>) {
        if !matches!(self.open, Open::Thought(_)) {
            self.close("completed", frames);
            self.add("rs", &Item::Thought { text: "", sealed: None }, label, frames);
            self.open = Open::Thought(String::new());
        }
        self.end_thought(Some(sealed), frames);
    }

    fn end_thought(&mut self, sealed: Option<&str>, frames: &mut Frames<'_>) {
        let Open::Thought(text) = std::mem::take(&mut self.open) else { return };
        if !text.is_empty() {
            self.emit_in("response.reasoning_summary_text.done", frames, |out| {
                out.extend(br#","summary_index":0,"text":"#);
                write_string(&text, out);
            });
            self.emit_in("response.reasoning_summary_part.done", frames, |out| {
                out.extend(br#","summary_index":0,"part":"#);
                write_summary(&text, out);
            });
        }
        self.finish_item(&Item::Thought { text: &text, sealed }, "completed", frames);
    }

    pub(super) fn call_with(&mut self, more: &str, frames: &mut Frames<'_>) {
        let Open::Call { arguments, .. } = &mut self.open else { return };
        arguments.push_str(more);
        self.emit_in("response.function_call_arguments.delta", frames, |out| {
            out.extend(br#","delta":"#);
            write_string(more, out);
        });
    }

    /// Ends the item that goes on.
    pub(super) fn close(&mut self, status: &str, frames: &mut Frames<'_>) {
        match self.open {
            Open::Nothing => {}
            Open::Thought(_) => self.end_thought(None, frames),
            Open::Message { .. } => {
                self.end_part(frames);
                let Open::Message { parts, .. } = std::mem::take(&mut self.open) else { return };
                self.finish_item(&Item::Message(&parts), status, frames);
            }
            Open::Call { .. } => self.end_call(status, frames),
        }
    }

    fn end_call(&mut self, status: &str, frames: &mut Frames<'_>) {
        if matches!(&self.open, Open::Call { arguments, .. } if arguments.is_empty()) {
            self.call_with("{}", frames);
        }
        let Open::Call { id, name, arguments } = std::mem::take(&mut self.open) else { return };
        self.emit_in("response.function_call_arguments.done", frames, |out| {
            out.extend(br#","name":"#);
            write_string(&name, out);
            out.extend(br#","arguments":"#);
            write_string(&arguments, out);
        });
        let item = Item::Call { id: &id, name: &name, arguments: &arguments };
        self.finish_item(&item, status, frames);
    }

    /// Tells that an item begins.
    pub(super) fn add(
        &mut self,
        prefix: &str,
        item: &Item<'_>,
        label: &Label<'_>,
        frames: &mut Frames<'_>,
    ) {
        let place = self.count;
        self.id = format!("{prefix}_{}_{place}", label.digits());
        let id = self.id.clone();
        self.emit("response.output_item.added", frames, |out| {
            let _ = write!(out, r#","output_index":{place},"item":"#);
            item.write(&id, "in_progress", out);
        });
    }

    /// Tells that an item is finished, and keeps it.
    pub(super) fn finish_item(&mut self, item: &Item<'_>, status: &str, frames: &mut Frames<'_>) {
        let place = self.count;
        self.count += 1;
        if place > 0 {
            self.items.push(b',');
        }
        let start = self.items.len();
        item.write(&self.id, status, &mut self.items);
        let items = std::mem::take(&mut self.items);
        self.emit("response.output_item.done", frames, |out| {
            let _ = write!(out, r#","output_index":{place},"item":"#);
            out.extend_from_slice(&items[start..]);
        });
        self.items = items;
    }

    /// Appends an event about the item that goes on.
    fn emit_in(&mut self, name: &str, frames: &mut Frames<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        let (id, place) = (std::mem::take(&mut self.id), self.count);
        self.emit(name, frames, |out| {
            let _ = write!(out, r#","item_id":"{id}","output_index":{place}"#);
            write(out);
        });
        self.id = id;
    }

    pub(super) fn emit(
        &mut self,
        name: &str,
        frames: &mut Frames<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.is_silent {
            return;
        }
        let sequence = self.sequence;
        self.sequence += 1;
        frames.event(name, |out| {
            let _ = write!(out, r#"{{"type":"{name}","sequence_number":{sequence}"#);
            write(out);
            out.push(b'}');
        });
    }
}
