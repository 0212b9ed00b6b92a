//! A stream on its way whose both sides speak OpenAI's chat: what it is passed on with, and what
//! the gateway says itself at its end.

use dialect::openai_chat::{ChunkReader, Label, add_cost};

use super::names::{Ids, quoted_generation};
use super::{Stream, Voice};
use crate::stage::meter::Meter;

/// What is kept between the chunks of one stream that are read.
pub(super) struct Chat<'a> {
    pub(super) ids: Ids<'a>,
    pub(super) reader: ChunkReader,
}

impl<'a> Chat<'a> {
    pub(super) fn new(ids: Ids<'a>) -> Self {
        Self { ids, reader: ChunkReader::default() }
    }

    const fn tells_cost(&self) -> bool {
        self.ids.id_json.is_some()
    }
}

impl Stream<'_, '_> {
    /// Queues what is still to be said behind the provider's last chunk, and the end mark.
    pub(super) fn finish_chat(&mut self) {
        let Voice::Chat(chat) = &self.voice else { return };
        let tells_cost = chat.tells_cost();
        let is_owed = self.wants_usage && (tells_cost || !self.meter.was_told_usage());
        let usage = is_owed.then(|| self.priced());
        let note = self.note.take();
        if usage.is_some() || note.is_some() {
            self.say(|label, meter, out| {
                match &usage {
                    Some(metered) => {
                        label.write_usage(&metered.tokens, out);
                        if tells_cost {
                            add_cost(metered.cost, metered.provider_cost(), out);
                        }
                    }
                    None => label.write_silent(out),
                }
                if let Some(note) = note {
                    note.add(meter, out);
                }
            });
        }
        self.client.chunk(|out| out.extend(b"data: [DONE]\n\n"));
    }

    /// Queues the end of an answer that is cut at its limit.
    pub(super) fn cut_chat(&mut self) {
        self.say(|label, _, out| label.write_cut(out));
        self.finish_chat();
    }

    /// Queues a chunk of our own.
    fn say(&mut self, write: impl FnOnce(&Label<'_>, &Meter, &mut Vec<u8>)) {
        let id = self.own_id();
        let Self { voice, client, meter, .. } = self;
        let Voice::Chat(chat) = voice else { return };
        let Ids { model_json, is_plain, .. } = chat.ids;
        let label = Label { id_json: &id, model_json, is_plain };
        client.chunk(|out| {
            out.extend(b"data: ");
            write(&label, meter, out.tail());
            out.extend(b"\n\n");
        });
    }

    /// The id of a chunk of our own: that of the provider's chunks, as the client saw it.
    fn own_id(&self) -> Vec<u8> {
        let theirs = self.meter.upstream_id.as_bytes();
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let is_plain = !theirs.is_empty() && theirs.iter().all(is_plain);
        let has_own = matches!(&self.voice, Voice::Chat(chat) if chat.ids.id_json.is_some());
        if is_plain && !has_own {
            return [b"\"", theirs, b"\""].concat();
        }
        quoted_generation(self.request).to_vec()
    }
}
