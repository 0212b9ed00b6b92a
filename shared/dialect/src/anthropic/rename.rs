//! The model's name in a relayed answer.

use wire::Span;
use wire::json::{Cursor, JsonFault, ValueKind};

/// Appends a whole message, or an event of a stream, with the provider's name of the model
/// replaced. Only the first event of a stream has one; the type of any other is looked at, and
/// nothing else of it.
pub(crate) fn rename(json: &[u8], model_json: &[u8], out: &mut Vec<u8>) {
    let Ok(Some(model)) = find(json) else {
        out.extend_from_slice(json);
        return;
    };
    out.reserve(json.len() + model_json.len());
    let range = model.range();
    out.extend_from_slice(&json[..range.start]);
    out.extend_from_slice(model_json);
    out.extend_from_slice(&json[range.end..]);
}

fn find(json: &[u8]) -> Result<Option<Span>, JsonFault> {
    let mut cursor = Cursor::new(json);
    cursor.enter()?;
    while let Some(key) = cursor.next_key()? {
        match (key.of(json), cursor.peek()) {
            (b"model", Some(ValueKind::String)) => return Ok(Some(cursor.skip()?.0)),
            (b"message", Some(ValueKind::Object)) => cursor.enter()?,
            (b"type", _) => {
                let kind = cursor.skip()?.0;
                if !matches!(kind.of(json), b"\"message_start\"" | b"\"message\"") {
                    return Ok(None);
                }
            }
            _ => {
                cursor.skip()?;
            }
        }
    }
    Ok(None)
}
