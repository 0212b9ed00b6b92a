//! Proofs of thoughts on their way through clients of other dialects, and back.
//!
//! A provider signs what its model thought and wants the proof back in the next turn, byte for
//! byte; no other provider can use it. So a proof that leaves in another dialect says whose it is,
//! and one that is not a provider's own never reaches it. Between decoders, encoders and prompts a
//! proof is always *marked*: `<mark>.<proof>`. Only towards a client of its own dialect, and
//! towards its maker, it stands bare.
//! A call's proof has no place in most dialects: there it rides in the call's id.
//! Source: Gemini API, "Thought signatures"; Anthropic API, "Extended thinking".

use std::borrow::Cow;

use catalog::Dialect;

/// What stands between a call's id and its proof.
const IN_ID: &str = "__thought__";
/// What a proof without content stands for: the thought was made by a provider that signs nothing.
const MARKS: [(Dialect, &str); 3] =
    [(Dialect::OpenAi, "tg-o."), (Dialect::Anthropic, "tg-a."), (Dialect::Gemini, "tg-g.")];

/// Marks a provider's proof as its own.
pub fn marked(maker: Dialect, proof: &str) -> String {
    [mark(maker), proof].concat()
}

/// The bare proof, if it was made by a provider of this dialect.
pub fn of_maker(maker: Dialect, marked: &str) -> Option<&str> {
    marked.strip_prefix(mark(maker))
}

/// A proof as a client of the maker's own dialect sends it back: one that is not marked is the
/// maker's.
pub fn from_client(native: Dialect, proof: Cow<'_, str>) -> Cow<'_, str> {
    if is_marked(&proof) { proof } else { Cow::Owned(marked(native, &proof)) }
}

/// Whether a proof says whose it is.
pub fn is_marked(proof: &str) -> bool {
    MARKS.iter().any(|(_, mark)| proof.starts_with(mark))
}

/// A call's id with its proof in it, of the letters that every dialect takes in an id.
pub fn into_id(id: &str, marked: Option<&str>) -> String {
    let Some(proof) = marked else { return id.to_owned() };
    let mut out = String::with_capacity(id.len() + IN_ID.len() + proof.len() * 4 / 3 + 4);
    out.push_str(id);
    out.push_str(IN_ID);
    encode(proof.as_bytes(), &mut out);
    out
}

/// The id and the proof of what [`into_id`] made; any other id as it is.
pub fn from_id(id: Cow<'_, str>) -> (Cow<'_, str>, Option<String>) {
    let Some((bare, proof)) = id.split_once(IN_ID) else { return (id, None) };
    match decode(proof) {
        Some(proof) => (Cow::Owned(bare.to_owned()), Some(proof)),
        None => (id, None),
    }
}

/// A text in base64 with padding (RFC 4648, section 4).
pub(crate) fn to_base64(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 4 / 3 + 4);
    encode(text.as_bytes(), &mut out);
    let mut out = out.replace('-', "+").replace('_', "/");
    while !out.len().is_multiple_of(4) {
        out.push('=');
    }
    out
}

/// The text that is written in base64, of either alphabet, with padding or without; `None` where
/// it is none.
pub(crate) fn from_base64(base64: &str) -> Option<String> {
    let bare = base64.trim_end_matches('=');
    if bare.contains(['+', '/']) {
        return decode(&bare.replace('+', "-").replace('/', "_"));
    }
    decode(bare)
}

const fn mark(maker: Dialect) -> &'static str {
    match maker {
        Dialect::OpenAi => MARKS[0].1,
        Dialect::Anthropic => MARKS[1].1,
        Dialect::Gemini => MARKS[2].1,
    }
}

/// base64url without padding (RFC 4648, section 5).
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn encode(bytes: &[u8], out: &mut String) {
    for group in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=group.len()].copy_from_slice(group);
        let word = u32::from_be_bytes(word);
        for place in 0..=group.len() {
            let letter = LETTERS[(word >> (18 - 6 * place) & 0x3f) as usize];
            out.push(char::from(letter));
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.as_bytes().chunks(4) {
        let mut word = 0;
        for letter in group {
            let value = LETTERS.iter().position(|known| known == letter)?;
            word = word << 6 | value as u32;
        }
        word <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&word.to_be_bytes()[1..group.len().max(1)]);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_returns_to_its_maker_and_to_nobody_else() {
        let proof = marked(Dialect::Gemini, "Ab+/=");
        assert_eq!(of_maker(Dialect::Gemini, &proof), Some("Ab+/="));
        assert_eq!(of_maker(Dialect::Anthropic, &proof), None);
        assert_eq!(from_client(Dialect::Anthropic, proof.clone().into()), proof);
        let own = from_client(Dialect::Anthropic, "Ab+/=".into());
        assert_eq!(of_maker(Dialect::Anthropic, &own), Some("Ab+/="));
    }

    #[test]
    fn a_proof_survives_in_an_id() {
        for proof in ["", "x", "xy", "xyz", "tg-g.Ab+/==", "é"] {
            let id = into_id("call_1", Some(proof));
            assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
            assert_eq!(from_id(id.into()), ("call_1".into(), Some(proof.to_owned())));
        }
        assert_eq!(from_id("call_1".into()), ("call_1".into(), None));
        assert_eq!(from_id("a__thought__?".into()), ("a__thought__?".into(), None));
        assert_eq!(into_id("a", None), "a");
    }
}
