//! The top-level members of a body that was validated, from the validator's own index.
//!
//! The validator leaves the offsets of all brackets, colons and commas outside strings, of opening
//! quotes, and of the first bytes of numbers and words. Walking them costs a fraction of reading
//! the body again.

use super::GateFault;
use crate::json::{Member, kind_of, trimmed_end};
use crate::span::Span;

/// Finds the members of the object that `body` is, at most `most` of them.
pub(super) fn top_level(
    body: &[u8],
    index: &[u32],
    most: usize,
    members: &mut Vec<Member>,
) -> Result<(), GateFault> {
    if index.first().and_then(|at| body.get(*at as usize)) != Some(&b'{') {
        return Err(GateFault::NotAnObject);
    }
    let mut depth = 0;
    // Where the key or the value at hand begins, and the key before a value.
    let mut start = None;
    let mut key = None;
    for at in index.iter().map(|at| *at as usize) {
        let byte = body[at];
        if depth == 1 {
            match byte {
                b',' | b'}' => {
                    if let (Some(key), Some(start)) = (key.take(), start.take()) {
                        if members.len() == most {
                            return Err(GateFault::TooManyMembers);
                        }
                        let value = Span::new(start, trimmed_end(body, at));
                        members.push(Member { key, value, kind: kind_of(body[start]) });
                    }
                }
                b':' => {
                    key = start.take().map(|start| Span::new(start + 1, trimmed_end(body, at) - 1));
                }
                _ => start = start.or(Some(at)),
            }
        }
        // In this bit braces differ from brackets.
        match byte | 0x20 {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    Ok(())
}
