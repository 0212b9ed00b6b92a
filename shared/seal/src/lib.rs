//! Secrets as they stand on disk: sealed under a master key that only the operator has.
//!
//! Purpose: a provider's key is text for as long as it is being sent, and is written down only as
//! what this makes of it: ChaCha20-Poly1305 with a random nonce. Each is bound to what it is for,
//! so that one row's secret cannot be put into another's.
//! Form: `sealed:1:` and lower-case hex of the master key's mark (the first four bytes of its
//! SHA-256), nonce, ciphertext, tag. Invariants: no secret and no master key is in any message or
//! debug text; what was changed, cut or moved does not open. The first master key seals and every
//! one opens, so that a new one is put before the old.
//! Left out on purpose: keeping the master keys, which come from the environment or a file.

use std::fmt;
use std::sync::Arc;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

const FORM: &str = "sealed:1:";
const KEY_BYTES: usize = 32;
const MARK_BYTES: usize = 4;

/// The operator's master keys; cheap to clone.
#[derive(Clone)]
pub struct MasterKeys(Arc<[MasterKey]>);

struct MasterKey {
    mark: [u8; MARK_BYTES],
    key: LessSafeKey,
}

/// Why there are no master keys, or a secret is not sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealFault {
    /// A master key cannot be read: where from, and why.
    Unreadable(String),
    /// What is read there is not a master key.
    NotAKey(String),
    /// The system has no randomness.
    NoRandomness,
    /// It was sealed under a master key that is not given.
    OtherKey,
    /// It is not what was sealed, or not for this.
    Broken,
}

impl fmt::Display for SealFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(what) => write!(f, "the master key {what} cannot be read"),
            Self::NotAKey(from) => write!(
                f,
                "{from} is not a master key: it is 64 hex digits, such as `openssl rand -hex 32` \
                 makes"
            ),
            Self::NoRandomness => f.write_str("the system has no randomness"),
            Self::OtherKey => f.write_str(
                "it is sealed under another master key: give that one too, behind the first",
            ),
            Self::Broken => f.write_str("what is sealed was changed, or is another's"),
        }
    }
}

impl std::error::Error for SealFault {}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeys({})", self.0.len())
    }
}

impl MasterKeys {
    /// The master keys behind references, `env:NAME` or `file:PATH`; `None` where none is named.
    ///
    /// # Errors
    /// One cannot be read, or is not a key; the operator is at fault.
    pub fn read(references: &[String]) -> Result<Option<Self>, SealFault> {
        let texts =
            references.iter().map(|reference| Ok((reference.as_str(), text_of(reference)?)));
        let texts: Vec<(&str, String)> = texts.collect::<Result<_, _>>()?;
        let keys = texts.iter().map(|(from, text)| MasterKey::of(from, text.trim()));
        let keys: Vec<MasterKey> = keys.collect::<Result<_, _>>()?;
        Ok((!keys.is_empty()).then(|| Self(keys.into())))
    }

    /// Seals a secret for a purpose, which must be told again to open it.
    ///
    /// # Errors
    /// `NoRandomness`; another try is sane.
    pub fn seal(&self, purpose: &str, secret: &str) -> Result<String, SealFault> {
        let master = self.0.first().ok_or(SealFault::OtherKey)?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealFault::NoRandomness)?;
        let mut text = secret.as_bytes().to_vec();
        let given = Nonce::assume_unique_for_key(nonce);
        let sealed = master.key.seal_in_place_append_tag(given, Aad::from(purpose), &mut text);
        sealed.map_err(|_| SealFault::Broken)?;
        let mut out = FORM.to_owned();
        for byte in master.mark.iter().chain(&nonce).chain(&text) {
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
        Ok(out)
    }

    /// Opens what was sealed for this purpose.
    ///
    /// # Errors
    /// `OtherKey` is the operator's to mend; `Broken` is damage, or somebody's doing.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<String, SealFault> {
        let hex = sealed.strip_prefix(FORM).ok_or(SealFault::Broken)?;
        let bytes = from_hex(hex).ok_or(SealFault::Broken)?;
        let (mark, rest) = bytes.split_first_chunk::<MARK_BYTES>().ok_or(SealFault::Broken)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealFault::Broken)?;
        let master = self.0.iter().find(|master| master.mark == *mark);
        let master = master.ok_or(SealFault::OtherKey)?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = master.key.open_in_place(nonce, Aad::from(purpose), &mut text);
        let opened = opened.map_err(|_| SealFault::Broken)?;
        String::from_utf8(opened.to_vec()).map_err(|_| SealFault::Broken)
    }
}

/// Whether a text is a sealed secret.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(FORM)
}

impl MasterKey {
    fn of(from: &str, text: &str) -> Result<Self, SealFault> {
        let not_a_key = || SealFault::NotAKey(from.to_owned());
        let bytes = from_hex(text).filter(|bytes| bytes.len() == KEY_BYTES);
        let bytes = bytes.ok_or_else(not_a_key)?;
        let mut mark = [0; MARK_BYTES];
        mark.copy_from_slice(&digest(&SHA256, &bytes).as_ref()[..MARK_BYTES]);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).map_err(|_| not_a_key())?;
        Ok(Self { mark, key: LessSafeKey::new(key) })
    }
}

const HEX: [u8; 16] = *b"0123456789abcdef";

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

/// The text that a reference names. A master key that stands in the configuration itself is none.
fn text_of(reference: &str) -> Result<String, SealFault> {
    let unreadable = |why: &dyn fmt::Display| SealFault::Unreadable(format!("{reference}: {why}"));
    if let Some(name) = reference.strip_prefix("env:") {
        std::env::var(name).map_err(|why| unreadable(&why))
    } else if let Some(path) = reference.strip_prefix("file:") {
        std::fs::read_to_string(path).map_err(|why| unreadable(&why))
    } else {
        let what = "(what stands there is not shown): write \"env:NAME\" or \"file:PATH\"";
        Err(SealFault::Unreadable(what.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(texts: &[&str]) -> MasterKeys {
        let keys = texts.iter().map(|text| MasterKey::of("x", text).unwrap());
        MasterKeys(keys.collect())
    }

    fn hex(digit: &str) -> String {
        digit.repeat(2 * KEY_BYTES)
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_and_shows_nothing() {
        let master = keys(&[&hex("a")]);
        let sealed = master.seal("of acct_1 at openai", "sk-secret").unwrap();
        assert!(is_sealed(&sealed) && !sealed.contains("sk-secret"));
        assert_ne!(sealed, master.seal("of acct_1 at openai", "sk-secret").unwrap());
        assert_eq!(master.open("of acct_1 at openai", &sealed), Ok("sk-secret".to_owned()));
        assert_eq!(master.open("of acct_2 at openai", &sealed), Err(SealFault::Broken));
        assert_eq!(format!("{master:?}"), "MasterKeys(1)");
    }

    #[test]
    fn a_new_master_key_seals_and_the_old_one_still_opens() {
        let (old, new) = (hex("1"), hex("2"));
        let sealed = keys(&[&old]).seal("p", "s").unwrap();
        assert_eq!(keys(&[&new, &old]).open("p", &sealed), Ok("s".to_owned()));
        assert_eq!(keys(&[&new]).open("p", &sealed), Err(SealFault::OtherKey));
        let again = keys(&[&new, &old]).seal("p", "s").unwrap();
        assert_eq!(keys(&[&new]).open("p", &again), Ok("s".to_owned()));
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let master = keys(&[&hex("b")]);
        let sealed = master.seal("p", "secret").unwrap();
        for at in FORM.len()..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(master.open("p", &changed).is_err(), "at {at}");
            assert!(master.open("p", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_master_key_is_named_and_never_written_out() {
        assert!(MasterKeys::read(&[]).unwrap().is_none());
        let told = |reference: &str| MasterKeys::read(&[reference.to_owned()]).unwrap_err();
        assert!(told("env:TOLLGATE_NO_SUCH_KEY").to_string().contains("TOLLGATE_NO_SUCH_KEY"));
        assert!(!told(&hex("c")).to_string().contains(&hex("c")));
        let path = std::env::temp_dir().join(format!("tollgate-master-{}", std::process::id()));
        let reference = format!("file:{}", path.display());
        std::fs::write(&path, hex("d") + "\n").unwrap();
        assert!(MasterKeys::read(std::slice::from_ref(&reference)).unwrap().is_some());
        std::fs::write(&path, "short").unwrap();
        assert_eq!(told(&reference), SealFault::NotAKey(reference.clone()));
        std::fs::remove_file(path).unwrap();
    }
}
