//! One file as the rules see it: its text, and the same text with comments and literals blanked.
//!
//! Invariants: the blanked code has the length and the line breaks of the text, so a position in
//! one is a position in the other. Understood: nested block comments, strings with escapes, raw
//! and byte strings, character literals beside lifetimes.
//! Left out on purpose: macros and types; the rules work on words and braces.

use std::fmt;
use std::ops::RangeInclusive;

/// What a rule found, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// `file:line`, or a file alone.
    pub(crate) place: String,
    /// What is wrong and what would be right.
    pub(crate) what: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A file and what was learned from reading it once.
pub(crate) struct Source {
    /// Path from the root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with comments and literals blanked; Rust only, else empty.
    pub(crate) code: String,
    /// Whether the whole file is compiled for tests only.
    pub(crate) for_tests: bool,
    test_lines: Vec<RangeInclusive<usize>>,
    line_ends: Vec<usize>,
}

impl Source {
    /// A file of any language: text only.
    pub(crate) fn plain(path: &str, text: &str) -> Self {
        let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
        let (path, text) = (path.to_owned(), text.to_owned());
        let (code, test_lines, for_tests) = (String::new(), Vec::new(), is_test_path(&path));
        Self { path, text, code, for_tests, test_lines, line_ends }
    }

    /// A Rust file.
    pub(crate) fn rust(path: &str, text: &str) -> Self {
        let code = blank(text);
        let mut source = Self { code, ..Self::plain(path, text) };
        source.test_lines = find_test_lines(&source);
        source
    }

    pub(crate) fn complain(&self, line: usize, what: impl Into<String>) -> Complaint {
        Complaint { place: format!("{}:{line}", self.path), what: what.into() }
    }

    /// The line, from 1, that holds the byte at `at`.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        1 + self.line_ends.partition_point(|end| *end < at)
    }

    /// Whether the line belongs to tests: a test crate, a test file, or a `#[cfg(test)]` item.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.for_tests || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// The modules that the file declares without a body, and whether for tests only.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (&str, bool)> {
        let declared = self.words().filter(|word| word.after().starts_with(';'));
        declared.filter(|word| word.follows("mod")).map(|word| {
            let item = word.before().rsplit([';', '}']).next().unwrap_or_default();
            (word.text, item.contains("#[cfg(test)]"))
        })
    }

    /// The folder in which the file's own modules stand.
    pub(crate) fn module_folder(&self) -> &str {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let is_root = ["lib.rs", "main.rs", "mod.rs"].contains(&name);
        if is_root { folder } else { self.path.trim_end_matches(".rs") }
    }

    /// Every identifier and keyword of the code, in order.
    pub(crate) fn words(&self) -> impl Iterator<Item = Word<'_>> {
        let code = self.code.as_str();
        let mut from = 0;
        std::iter::from_fn(move || {
            let at = from + code[from..].find(is_word_char)?;
            let len = code[at..].find(|c| !is_word_char(c)).unwrap_or(code.len() - at);
            from = at + len;
            Some(Word { text: &code[at..from], at, code })
        })
        .filter(|word| !word.text.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// Every function with a body.
    pub(crate) fn functions(&self) -> Vec<Function<'_>> {
        let words: Vec<Word<'_>> = self.words().collect();
        let pairs = words.windows(2).filter(|pair| pair[0].text == "fn");
        pairs.filter_map(|pair| self.function(pair[0], pair[1])).collect()
    }

    fn function<'a>(&self, keyword: Word<'a>, name: Word<'a>) -> Option<Function<'a>> {
        let between = &self.code[keyword.at + 2..name.at];
        if !between.trim().is_empty() {
            return None; // a function pointer's type has no name
        }
        let end = body_end(&self.code, name.at)?;
        let line = self.line_of(keyword.at);
        Some(Function { name: name.text, line, lines: self.line_of(end) - line + 1 })
    }
}

/// An identifier or keyword and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
    code: &'a str,
}

impl<'a> Word<'a> {
    /// The code before the word, without the white space between.
    pub(crate) fn before(&self) -> &'a str {
        self.code[..self.at].trim_end()
    }

    /// The code after the word, without the white space between.
    pub(crate) fn after(&self) -> &'a str {
        self.code[self.at + self.text.len()..].trim_start()
    }

    /// Whether the word before this one is `word`.
    pub(crate) fn follows(&self, word: &str) -> bool {
        self.before().strip_suffix(word).is_some_and(|rest| !rest.ends_with(is_word_char))
    }
}

/// A function and its extent from `fn` to the closing brace.
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// Whether a file's place alone says that it is for tests.
fn is_test_path(path: &str) -> bool {
    ["tests/", "benches/"].iter().any(|root| path.starts_with(root))
        || ["/tests/", "/benches/"].iter().any(|folder| path.contains(folder))
        || path.ends_with("/tests.rs")
}

fn is_word_char(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

/// The position of the brace that closes the item starting at `from`; `None` if it has no body.
pub(crate) fn body_end(code: &str, from: usize) -> Option<usize> {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (offset, byte) in code[from..].bytes().enumerate() {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b'{' => braces += 1,
            b'}' if braces <= 1 => return (braces == 1).then_some(from + offset),
            b'}' => braces -= 1,
            b';' if braces == 0 && brackets == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The lines of items marked as tests.
fn find_test_lines(source: &Source) -> Vec<RangeInclusive<usize>> {
    const MARKS: [&str; 5] =
        ["#[cfg(test)]", "#[cfg(all(test", "#[cfg(any(test", "#[cfg(loom)]", "#[test]"];
    let items = MARKS.iter().flat_map(|mark| source.code.match_indices(mark));
    let extent = |(at, mark): (usize, &str)| {
        let end = body_end(&source.code, at + mark.trim_end_matches("]").len() + 1)?;
        Some(source.line_of(at)..=source.line_of(end))
    };
    items.filter_map(extent).collect()
}

/// The text with every comment and literal replaced by blanks.
pub(crate) fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = literal_len(rest, code.chars().next_back());
        if len == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        code.extend(rest[..len].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        rest = &rest[len..];
    }
    code
}

/// The length of the comment or literal at the front of `rest`; 0 if there is none.
fn literal_len(rest: &str, previous: Option<char>) -> usize {
    let in_word = previous.is_some_and(is_word_char);
    let prefix = rest.len() - rest.trim_start_matches(['b', 'r', 'c']).len();
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment_len(rest)
    } else if rest.starts_with('\'') {
        char_len(rest)
    } else if in_word && prefix > 0 {
        0
    } else if rest[..prefix].ends_with('r') && prefix <= 2 {
        raw_string_len(rest, prefix)
    } else if prefix <= 1 && rest[prefix..].starts_with('"') {
        prefix + quoted_len(&rest[prefix..], b'"')
    } else {
        0
    }
}

fn block_comment_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest.as_bytes()[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.as_bytes()[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += 1;
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// A character literal's length; 0 for a lifetime.
fn char_len(rest: &str) -> usize {
    let mut chars = rest[1..].chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => quoted_len(rest, b'\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

fn quoted_len(rest: &str, quote: u8) -> usize {
    let mut escaped = true; // the opening quote does not close
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A raw string's length; 0 for a raw identifier.
fn raw_string_len(rest: &str, prefix: usize) -> usize {
    let hashes = rest[prefix..].len() - rest[prefix..].trim_start_matches('#').len();
    let open = prefix + hashes;
    if !rest[open..].starts_with('"') {
        return 0;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let body = &rest[open + 1..];
    open + 1 + body.find(&close).map_or(body.len(), |at| at + close.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeeze(text: &str) -> String {
        let code = blank(text);
        assert_eq!(code.len(), text.len());
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn literals_and_comments_are_blanked_and_code_stays() {
        for (text, code) in [
            (r#"a("x { \" }") b"#, "a( ) b"),
            ("a /* { /* } */ } */ b // {", "a b"),
            (r##"let x = r#"{"}"# ;"##, "let x = ;"),
            ("m('{', '\\'', b'}', '\\u{7b}')", "m( , , b , )"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("r#type = br\"}\" ; c\"{\"", "r#type = ;"),
            ("number\"{\"", "number"),
            ("'é' x", "x"),
        ] {
            assert_eq!(squeeze(text), code, "{text}");
        }
    }

    #[test]
    fn functions_are_measured_to_their_closing_brace() {
        let text = "fn a(x: [u8; 2]) -> fn() {\n let s = \"}\";\n if x { }\n}\nfn b();\nfn c() {}";
        let source = Source::rust("x.rs", text);
        let found: Vec<_> = source.functions().iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("a", 1, 4), ("c", 6, 1)]);
    }

    #[test]
    fn test_items_are_told_from_the_rest() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n";
        let source = Source::rust("src/x.rs", text);
        let lines: Vec<bool> = (1..=6).map(|line| source.is_test(line)).collect();
        assert_eq!(lines, [false, true, true, true, true, false]);
        assert!(Source::rust("src/x/tests.rs", "").is_test(1));
        let outside = Source::rust("src/x.rs", "#[cfg(test)]\nmod tests;\nfn c() {}");
        assert!(!outside.is_test(3));
    }
}
