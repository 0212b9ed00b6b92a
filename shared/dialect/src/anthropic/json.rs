//! JSON as it is written, member after member.
//!
//! Invariant: commas come out right. Left out on purpose: whether a name stands twice.

use std::io::Write;

use wire::splice::write_string;

/// An object whose members are being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    /// Opens an object.
    pub(super) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// Opens an object whose first member is its type.
    pub(super) fn of(kind: &str, out: &'o mut Vec<u8>) -> Self {
        let mut object = Self::open(out);
        object.text("type", kind);
        object
    }

    /// Writes a name; its value is to follow.
    pub(super) fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A string.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        write_string(text, self.name(name));
    }

    /// What is JSON already.
    pub(super) fn raw(&mut self, name: &str, json: &[u8]) {
        self.name(name).extend_from_slice(json);
    }

    /// Anything that displays as JSON does: a number, a flag.
    pub(super) fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing into a vector does not fail.
        let _ = write!(self.name(name), "{value}");
    }

    /// Closes the object.
    pub(super) fn close(self) {
        self.out.push(b'}');
    }
}

/// Writes an array, each item by `write`.
pub(super) fn each<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// The same with items that cannot all be written.
pub(super) fn list<T, F>(
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>) -> Result<(), F>,
) -> Result<(), F> {
    out.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(item, out)?;
    }
    out.push(b']');
    Ok(())
}
