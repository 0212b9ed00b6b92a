//! Base64, as far as bodies need it: writing bytes, and telling whether a text is some.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes `bytes` with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > three.len() { '=' } else { letter as char });
        }
    }
    text
}

/// Whether `text` is base64 of something, in the plain alphabet; `loose` takes the one for
/// addresses, too, and forgives missing padding.
pub(crate) fn is_base64(text: &str, loose: bool) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let known = |letter: u8| {
        letter.is_ascii_alphanumeric()
            || matches!(letter, b'+' | b'/')
            || (loose && matches!(letter, b'-' | b'_'))
    };
    let whole = text.len().is_multiple_of(4) || (loose && padding == 0 && body.len() % 4 != 1);
    !text.is_empty() && padding <= 2 && whole && body.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_letters() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encode(bytes.as_bytes()), text);
        }
        assert_eq!(encode(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn what_is_not_base64_is_told() {
        for text in ["Zg==", "Zm8=", "Zm9v", "+/8="] {
            assert!(is_base64(text, false), "{text}");
        }
        for text in ["", "Zg", "Z===", "Zm9v\n", "-_8=", "caf\u{e9}"] {
            assert!(!is_base64(text, false), "{text}");
        }
        assert!(is_base64("-_8", true) && !is_base64("Zm9vY", true));
    }
}
