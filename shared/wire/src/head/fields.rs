//! The table of a head's fields: where each name and value stands.
//!
//! Offsets fit in 16 bits because heads are at most 65,535 bytes. The first 32 fields, more than
//! any SDK sends, are kept in place; only a head with more of them allocates. Most fields that are
//! asked for are not there: a bit for each that is, by its name's length and first letter, tells
//! that at once.

use super::place;

/// Fields kept without an allocation.
const NEAR: usize = 32;

#[derive(Clone, Copy, Debug, Default)]
struct Field {
    name: u16,
    name_len: u16,
    value: u16,
    value_len: u16,
}

/// The fields of one head, in order.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    near: [Field; NEAR],
    near_len: u16,
    /// The bits of all names, see [`bit`].
    bits: u64,
    far: Vec<Field>,
}

impl Fields {
    /// The table of what the tokeniser found in `head`.
    pub(super) fn of(head: &[u8], headers: &[httparse::Header<'_>]) -> Self {
        let (first, rest) = headers.split_at(headers.len().min(NEAR));
        let mut near = [Field::default(); NEAR];
        for (slot, header) in near.iter_mut().zip(first) {
            *slot = Field::of(head, header);
        }
        let bits = headers.iter().fold(0, |bits, header| bits | bit(header.name));
        let far = rest.iter().map(|header| Field::of(head, header)).collect();
        Self { near, near_len: first.len() as u16, bits, far }
    }

    /// The value of the first field called `name` in any case.
    pub(super) fn get<'b>(&self, buf: &'b [u8], name: &str) -> Option<&'b [u8]> {
        if self.bits & bit(name) == 0 {
            return None;
        }
        let is_it = |field: &&Field| {
            field.name_len as usize == name.len()
                && field.name(buf).eq_ignore_ascii_case(name.as_bytes())
        };
        let found = self.near().iter().find(is_it).or_else(|| self.far.iter().find(is_it));
        found.map(|field| field.value(buf))
    }

    /// Names and values in order.
    pub(super) fn iter<'b>(&self, buf: &'b [u8]) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        self.all().map(move |field| (field.name(buf), field.value(buf)))
    }

    fn all(&self) -> impl Iterator<Item = &Field> {
        self.near().iter().chain(&self.far)
    }

    fn near(&self) -> &[Field] {
        &self.near[..self.near_len as usize]
    }
}

/// One of 64 bits for a name, the same in whatever case it is written.
fn bit(name: &str) -> u64 {
    let first = name.bytes().next().map_or(0, |letter| letter.to_ascii_lowercase());
    1 << ((name.len() + 7 * usize::from(first)) % 64)
}

impl Field {
    fn of(head: &[u8], header: &httparse::Header<'_>) -> Self {
        let name = place(head, header.name.as_bytes());
        let value = place(head, header.value);
        Self {
            name: name.start as u16,
            name_len: name.len() as u16,
            value: value.start as u16,
            value_len: value.len() as u16,
        }
    }

    fn name<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        slice(buf, self.name, self.name_len)
    }

    fn value<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        slice(buf, self.value, self.value_len)
    }
}

fn slice(buf: &[u8], start: u16, len: u16) -> &[u8] {
    let start = start as usize;
    buf.get(start..start + len as usize).unwrap_or_default()
}
