//! Whole numbers as text, without a formatter: heads are written for every request.

/// Appends a number.
pub fn push(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Whether a text is this number, as [`push`] writes it.
pub fn is(text: &[u8], number: u64) -> bool {
    itoa::Buffer::new().format(number).as_bytes() == text
}

/// Writes a number over the end of `place`, spaces before it. A number that is wider is cut.
pub fn fill(number: u64, place: &mut [u8]) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number).as_bytes();
    place.fill(b' ');
    for (byte, digit) in place.iter_mut().rev().zip(digits.iter().rev()) {
        *byte = *digit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are() {
        let mut out = b"n: ".to_vec();
        push(0, &mut out);
        push(u64::MAX, &mut out);
        assert_eq!(out, b"n: 018446744073709551615");
        assert!(is(b"10", 10) && !is(b"1e1", 10) && !is(b"010", 10));
    }

    #[test]
    fn a_place_is_filled_from_its_end() {
        let mut place = *b"########";
        fill(10_240, &mut place);
        assert_eq!(&place, b"   10240");
        fill(0, &mut place);
        assert_eq!(&place, b"       0");
    }
}
