//! Bodies: the table of chunked codings, every split of each, and the framings that count or close.

use super::*;

/// A chunked coding and its body, or what is wrong with it. What follows the coding is left over.
type Case = (&'static [u8], Result<&'static [u8], BodyFault>);

#[rustfmt::skip]
const CHUNKED: &[Case] = &[
    (b"0\r\n\r\n", Ok(b"")),
    (b"5\r\nhello\r\n0\r\n\r\n", Ok(b"hello")),
    (b"1\r\na\r\n2\r\nbc\r\n000\r\n\r\n", Ok(b"abc")),
    (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", Ok(b"01234567890123456789")),
    (b"000000000000001\r\na\r\n0\r\n\r\n", Ok(b"a")),
    (b"0000000000000001\r\na\r\n0\r\n\r\n", Ok(b"a")),
    (b"00000000000000001\r\na\r\n0\r\n\r\n", Err(BodyFault::ChunkSize)),
    (b"FFFFFFFFFFFFFFFF\r\na", Err(BodyFault::Truncated)),
    (b"FFFFFFFFFFFFFFFFF\r\na", Err(BodyFault::ChunkSize)),
    (b"2\r\n\r\n\r\n0\r\n\r\n", Ok(b"\r\n")),
    (b"\r\n0\r\n\r\n", Err(BodyFault::ChunkSize)),
    (b"\r\n\r\n", Err(BodyFault::ChunkSize)),
    (b"\n", Err(BodyFault::ChunkSize)),
    (b"-1\r\n", Err(BodyFault::ChunkSize)),
    (b"+1\r\na\r\n", Err(BodyFault::ChunkSize)),
    (b"0x1\r\na\r\n", Err(BodyFault::ChunkSize)),
    (b" 1\r\na\r\n", Err(BodyFault::ChunkSize)),
    (b"1 \r\na\r\n", Err(BodyFault::ChunkSize)),
    (b"1_0\r\na\r\n", Err(BodyFault::ChunkSize)),
    (b"g\r\n", Err(BodyFault::ChunkSize)),
    (b"1\na\r\n0\r\n\r\n", Err(BodyFault::LineEnd)),
    (b"1\ra\r\n0\r\n\r\n", Err(BodyFault::LineEnd)),
    (b"1\r\r\na\r\n", Err(BodyFault::LineEnd)),
    (b"1\r\na\n0\r\n\r\n", Err(BodyFault::ChunkEnd)),
    (b"1\r\na\r0\r\n\r\n", Err(BodyFault::ChunkEnd)),
    (b"1\r\nab\r\n0\r\n\r\n", Err(BodyFault::ChunkEnd)),
    (b"1\r\na0\r\n\r\n", Err(BodyFault::ChunkEnd)),
    (b"1\r\na", Err(BodyFault::Truncated)),
    (b"1\r\na\r\n", Err(BodyFault::Truncated)),
    (b"0\r\n", Err(BodyFault::Truncated)),
    (b"0\r\n\r", Err(BodyFault::Truncated)),
    (b"0\r\n\n", Err(BodyFault::LineEnd)),
    (b"0\n\n", Err(BodyFault::LineEnd)),
    (b"0\r\n\rX", Err(BodyFault::LineEnd)),
    (b"1;a\r\nx\r\n0;b=c;d\r\n\r\n", Ok(b"x")),
    (b"1;\r\nx\r\n", Err(BodyFault::ChunkExtension)),
    (b"1;a=\r\nx\r\n", Err(BodyFault::ChunkExtension)),
    (b"1;=a\r\nx\r\n", Err(BodyFault::ChunkExtension)),
    (b"1;a=b=c\r\nx\r\n", Err(BodyFault::ChunkExtension)),
    (b"1;;a\r\nx\r\n", Err(BodyFault::ChunkExtension)),
    (b"1;a b\r\nx\r\n", Err(BodyFault::ChunkExtension)),
    (b"1; a\r\nx\r\n", Err(BodyFault::ChunkExtension)),
    (b"1;a=\"b\"\r\nx\r\n", Err(BodyFault::ChunkExtension)),
    (b"1;a\nx\r\n0\r\n\r\n", Err(BodyFault::LineEnd)),
    (b"1;a\rx\r\n0\r\n\r\n", Err(BodyFault::LineEnd)),
    (b"1;a\0\r\nx\r\n", Err(BodyFault::ChunkExtension)),
    (b"0\r\nA: b\r\nC:\r\n\r\n", Ok(b"")),
    (b"0\r\nA : b\r\n\r\n", Err(BodyFault::Trailer)),
    (b"0\r\n: b\r\n\r\n", Err(BodyFault::Trailer)),
    (b"0\r\nA\r\n\r\n", Err(BodyFault::Trailer)),
    (b"0\r\n A: b\r\n\r\n", Err(BodyFault::Trailer)),
    (b"0\r\nA: \0\r\n\r\n", Err(BodyFault::Trailer)),
    (b"0\r\nA: b\n\r\n", Err(BodyFault::LineEnd)),
    (b"0\r\nA: b\rc\r\n\r\n", Err(BodyFault::LineEnd)),
];

/// Decodes pieces to their end; gives the body and the bytes that were left.
fn decode(framing: Framing, pieces: &[&[u8]]) -> Result<(Vec<u8>, usize), BodyFault> {
    let mut decoder = BodyDecoder::new(framing);
    let (mut body, mut left) = (Vec::new(), 0);
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() && !decoder.is_done() {
            let decoded = decoder.decode(rest)?;
            assert!(decoded.consumed > 0, "bytes given are bytes used");
            body.extend_from_slice(&rest[decoded.body]);
            rest = &rest[decoded.consumed..];
        }
        left += rest.len();
    }
    decoder.at_eof()?;
    Ok((body, left))
}

#[test]
fn chunked_codings_decode_as_the_table_says_at_every_split() {
    for (text, expected) in CHUNKED {
        let expected = expected.map(<[u8]>::to_vec);
        let check = |pieces: &[&[u8]]| {
            let decoded = decode(Framing::Chunked, pieces).map(|(body, _)| body);
            assert_eq!(decoded, expected, "{} as {}", text.escape_ascii(), pieces.len());
        };
        for split in 0..=text.len() {
            check(&[&text[..split], &text[split..]]);
        }
        check(&text.chunks(1).collect::<Vec<_>>());
    }
}

#[test]
fn what_follows_a_body_is_left_alone() {
    let (body, left) = decode(Framing::Chunked, &[b"1\r\na\r\n0\r\n\r\nGET /"]).unwrap();
    assert_eq!((body, left), (b"a".to_vec(), 5));
    let (body, left) = decode(Framing::Length(3), &[b"ab", b"cGET /"]).unwrap();
    assert_eq!((body, left), (b"abc".to_vec(), 5));
    assert_eq!(decode(Framing::None, &[b"GET /"]).unwrap(), (Vec::new(), 5));
    let mut done = BodyDecoder::new(Framing::Length(0));
    assert_eq!(done.decode(b"x"), Ok(Decoded { consumed: 0, body: 0..0 }));
}

#[test]
fn a_chunk_read_whole_takes_one_call() {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let decoded = decoder.decode(b"5\r\nhello\r\n0\r\n\r\n").unwrap();
    assert_eq!(decoded, Decoded { consumed: 15, body: 3..8 });
    assert!(decoder.is_done());
}

#[test]
fn only_some_bodies_may_end_with_the_connection() {
    assert_eq!(decode(Framing::UntilClose, &[b"ab", b"c"]).unwrap().0, b"abc");
    assert_eq!(decode(Framing::Length(3), &[b"ab"]), Err(BodyFault::Truncated));
    assert_eq!(decode(Framing::Chunked, &[]), Err(BodyFault::Truncated));
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let extension = |len: usize| format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(len - 1));
    assert!(decode(Framing::Chunked, &[extension(256).as_bytes()]).is_ok());
    let refused = decode(Framing::Chunked, &[extension(257).as_bytes()]);
    assert_eq!(refused, Err(BodyFault::ChunkExtension));
    let trailer = |len: usize| format!("0\r\nA:{}\r\n\r\n", "x".repeat(len - 6));
    assert!(decode(Framing::Chunked, &[trailer(8192).as_bytes()]).is_ok());
    let refused = decode(Framing::Chunked, &[trailer(8193).as_bytes()]);
    assert_eq!(refused, Err(BodyFault::TrailerTooLong));
}

#[test]
fn what_is_written_is_read_back() {
    for len in [1, 9, 10, 15, 16, 255, 256, 4095, 65_536] {
        let mut text = Vec::new();
        chunk_head(len, &mut text);
        assert_eq!(text, format!("{len:x}\r\n").as_bytes());
        text.resize(text.len() + len, b'x');
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(LAST_CHUNK);
        assert_eq!(decode(Framing::Chunked, &[&text]).unwrap(), (vec![b'x'; len], 0));
    }
    let mut nothing = Vec::new();
    chunk_head(0, &mut nothing);
    assert!(nothing.is_empty(), "an empty chunk would end the body");
}
