//! Digests of keys that nobody has, as many as a bench wants.

use units::KeyDigest;

/// A digest that looks like a hash: splitmix64, four words of it.
pub(crate) fn key_digest(number: u64) -> KeyDigest {
    let mut bytes = [0; 32];
    for (word, chunk) in (0..).zip(bytes.chunks_exact_mut(8)) {
        let seed = number.wrapping_mul(4).wrapping_add(word);
        let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(z ^ z >> 31).to_le_bytes());
    }
    KeyDigest(bytes)
}
