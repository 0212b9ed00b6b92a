//! A whole answer as a response object: the items that a stream would have told.

use units::Tokens;

use super::echo::echo;
use super::encode::Encoder;
use super::object::Told;
use crate::frames::Label;
use crate::message::Message;
use crate::openai_chat::tier_word;

/// Appends a response. `body` is the request.
pub(crate) fn write_whole(
    body: &[u8],
    label: &Label<'_>,
    message: &Message,
    tokens: &Tokens,
    out: &mut Vec<u8>,
) {
    let told = Told::finished(message.finish);
    let items = Encoder::gathered(&message.blocks, told.item_status(), label);
    let tier = message.tier.as_deref().and_then(tier_word);
    let told = Told { items: &items, tier, tokens: Some(tokens), ..told };
    told.write(label, &echo(body), out);
}
