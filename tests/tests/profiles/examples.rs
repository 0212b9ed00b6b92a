//! The requests that the documents show, as requests.
//!
//! Found by their forms: `curl` commands, calls of an SDK, requests written out, bodies and parts
//! of bodies by themselves, models named to a tool, base URLs, and lists of paths. What a form
//! leaves open (the key, the host, what is asked) the shop fills in when it sends them.

use std::ops::Range;

use serde_json::{Map, Value, json};

use crate::documents::Document;
use crate::literal;

/// What an example shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A request as it is sent.
    Request,
    /// A path that is there.
    Path,
}

/// One request of a document.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    /// The form and, behind it, its path or its number among those of that form.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) kind: Kind,
    /// The method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Header fields, with keys as the document has them.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Option<Value>,
    /// Where it stands in its document.
    pub(crate) place: Range<usize>,
}

/// All requests of a document whose service takes chats at `chat`; those of other forms first,
/// so that no part of one is taken for another.
pub(crate) fn examples(document: &Document, chat: &str) -> Vec<Example> {
    let text = &*document.text;
    let mut found = curls(text);
    found.extend(sdk_calls(text));
    found.extend(written_out(text));
    let is_used = |at: usize, found: &[Example]| found.iter().any(|it| it.place.contains(&at));
    for (body, place) in bodies(text) {
        if !is_used(place.start, &found) {
            found.push(chat_of("body", chat, body, place));
        }
    }
    for (model, place) in tool_models(text) {
        found.push(chat_of("tool", chat, json!({ "model": model }), place));
    }
    found.extend(base_urls(text));
    found.extend(listed_paths(text));
    found
}

/// Numbers the examples of each form.
pub(crate) fn number(examples: &mut [Example]) {
    let mut counts: Map<String, Value> = Map::new();
    for example in examples.iter_mut().filter(|example| example.kind == Kind::Request) {
        let count = counts.get(&example.name).and_then(Value::as_u64).unwrap_or(0) + 1;
        counts.insert(example.name.clone(), count.into());
        example.name = format!("{} {count}", example.name);
    }
}

/// The path of an address.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn chat_of(name: &str, chat: &str, body: Value, place: Range<usize>) -> Example {
    let headers = vec![bearer("a key")];
    request(name, ("POST", chat), headers, Some(body), place)
}

fn bearer(key: &str) -> (String, String) {
    ("Authorization".to_owned(), format!("Bearer {key}"))
}

fn request(
    name: &str,
    (method, path): (&str, &str),
    headers: Vec<(String, String)>,
    body: Option<Value>,
    place: Range<usize>,
) -> Example {
    let (name, method, path) = (name.to_owned(), method.to_owned(), path.to_owned());
    Example { name, kind: Kind::Request, method, path, headers, body, place }
}

fn curls(text: &str) -> Vec<Example> {
    let starts = text.match_indices("curl https://").map(|(at, _)| at);
    starts.map(|at| curl(&text[at..], at)).collect()
}

fn curl(command: &str, at: usize) -> Example {
    let (words, length) = shell_words(command);
    let mut headers = Vec::new();
    let (mut method, mut url, mut body) = (None, "", None);
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        let mut next = || words.next().expect("an option has its value");
        match word.as_str() {
            "-H" => {
                let (name, value) = next().split_once(':').expect("a header");
                headers.push((name.to_owned(), value.trim().to_owned()));
            }
            "-d" => body = Some(serde_json::from_str(next()).expect("a body of JSON")),
            "-X" => method = Some(next().clone()),
            option if option.starts_with('-') => panic!("curl {option} is not known here"),
            _ => url = word,
        }
    }
    let usual = if body.is_some() { "POST" } else { "GET" };
    let method = method.unwrap_or_else(|| usual.to_owned());
    request("curl", (&method, path_of(url)), headers, body, at..at + length)
}

/// The words of a command that may go on behind a backslash, and its length.
fn shell_words(command: &str) -> (Vec<String>, usize) {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut escaped = false;
    let mut end = command.len();
    for (at, c) in command.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.push(c),
            (None, '"' | '\'') => quote = Some(c),
            (None, '\\') => escaped = true,
            (None, c) if c.is_whitespace() => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                if c == '\n' && !escaped {
                    end = at;
                    break;
                }
                escaped = false;
            }
            (None, c) => word.push(c),
        }
        if quote.is_none() && command[at..].starts_with("```") {
            (end, word) = (at, String::new());
            break;
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    (words, end)
}

fn sdk_calls(text: &str) -> Vec<Example> {
    const CALL: &str = "chat.completions.create(";
    let calls = text.match_indices(CALL).filter_map(|(at, _)| {
        let start = text[..at].rfind("OpenAI(")?;
        let (client, _) = literal::arguments(&text[start + "OpenAI".len()..])?;
        let open = at + CALL.len() - 1;
        let (body, length) = literal::arguments(&text[open..])?;
        let member = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| client[*name].as_str());
            found.expect("the client has it").to_owned()
        };
        let base = member(["base_url", "baseURL"]);
        let path = format!("{}/chat/completions", path_of(&base));
        let headers = vec![bearer(&member(["api_key", "apiKey"]))];
        Some(request("sdk", ("POST", &path), headers, Some(body), start..open + length))
    });
    calls.collect()
}

/// `POST path`, header fields, and a body, each on lines of their own.
fn written_out(text: &str) -> Vec<Example> {
    let mut found = Vec::new();
    for (start, line) in lines(text) {
        let Some(("POST", target)) = line.split_once(' ') else { continue };
        let mut at = start + line.len() + 1;
        let mut headers = Vec::new();
        while let Some((name, value)) = text[at..].lines().next().and_then(|it| it.split_once(": "))
        {
            if text[at..].starts_with('{') {
                break;
            }
            headers.push((name.to_owned(), value.to_owned()));
            at += name.len() + value.len() + 3;
        }
        let Some((body, length)) = literal::value(&text[at..]) else { continue };
        if headers.is_empty() {
            headers.push(bearer("a key"));
        }
        let path = path_of(target);
        found.push(request("http", ("POST", path), headers, Some(body), start..at + length));
    }
    found
}

/// The answers of chats that a document shows.
pub(crate) fn shown_answers(document: &Document) -> Vec<(Value, Range<usize>)> {
    objects(&document.text, |object| object.get("choices").is_some())
}

/// Objects that stand by themselves and ask for a model, and parts of a body.
fn bodies(text: &str) -> Vec<(Value, Range<usize>)> {
    objects(text, |object| {
        let asks = ["model", "models", "routing"].iter().any(|name| object.get(name).is_some());
        asks && object.get("choices").is_none()
    })
}

fn objects(text: &str, is_wanted: impl Fn(&Value) -> bool) -> Vec<(Value, Range<usize>)> {
    let found = lines(text).filter_map(|(start, line)| {
        let read = match line.chars().next()? {
            '{' => literal::value(&text[start..])?,
            '"' if line.starts_with("\"routing\":") => literal::members(&text[start..])?,
            _ => return None,
        };
        let (object, length) = read;
        is_wanted(&object).then_some((object, start..start + length))
    });
    found.collect()
}

/// Models that a tool is told to use, in its own words for them.
fn tool_models(text: &str) -> Vec<(&str, Range<usize>)> {
    const OPTION: &str = "--model ";
    let found = text.match_indices(OPTION).map(|(at, _)| {
        let word = text[at + OPTION.len()..].split_whitespace().next().unwrap_or_default();
        let model = word.strip_prefix("openrouter/").unwrap_or(word);
        (model, at..at + OPTION.len() + word.len())
    });
    found.collect()
}

/// Each base URL, with the list of models under it.
fn base_urls(text: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    for (at, _) in text.match_indices("https://") {
        let is_end = |c: char| c.is_whitespace() || "\"'`,)<".contains(c);
        let length = text[at..].find(is_end).unwrap_or(text.len() - at);
        let url = &text[at..at + length];
        let path = format!("{}/models", path_of(url));
        if url.ends_with("/v1") && found.iter().all(|it| it.path != path) {
            let headers = vec![bearer("a key")];
            found.push(request("base", ("GET", &path), headers, None, at..at + length));
        }
    }
    found
}

/// Paths of a table or a list: a method may stand in front, and words right behind.
fn listed_paths(text: &str) -> Vec<Example> {
    let mut found = Vec::new();
    for (start, line) in lines(text) {
        let listed = line.trim_start_matches([' ', '\u{2022}']);
        let method = ["POST", "GET"].into_iter().find(|method| listed.starts_with(method));
        let rest = listed.strip_prefix(method.unwrap_or_default()).unwrap_or(listed);
        // In a table that lost its columns the purpose follows at once, with a capital.
        let is_end = |c: char| c.is_whitespace() || (method.is_some() && c.is_ascii_uppercase());
        let path = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        if path.len() > 1 && path.starts_with('/') && !path.starts_with("//") {
            let mut example =
                request(path, (method.unwrap_or("GET"), path), vec![bearer("a key")], None, 0..0);
            example.kind = Kind::Path;
            example.place = start..start + line.len();
            found.push(example);
        }
    }
    found
}

/// Lines with where they begin.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split('\n').map(move |line| {
        let start = at;
        at += line.len() + 1;
        (start, line)
    })
}
