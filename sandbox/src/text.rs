//! What the sandbox says: sentences about the prompt, the same for the same seed.
//!
//! Owns the dice (a seeded sequence of numbers) and the sentences. Invariants: pure, no clock and
//! no randomness of its own; always valid UTF-8, and often more than ASCII, as real answers are.

use crate::tokens;

/// Sentences with a place for a word of the prompt.
const SENTENCES: &[&str] = &[
    "The short answer about {} is that it depends on where you start.",
    "Most people meet {} once and then see it everywhere.",
    "Think of {} as a caf\u{e9} at noon: busy, but every order is written down.",
    "There are three things to know about {}, and the third is the one that matters.",
    "A na\u{ef}ve look at {} misses what happens at the edges.",
    "In Tokyo (\u{6771}\u{4eac}) one would begin with {} and work outwards.",
    "If {} is new to you, begin small and measure before you change anything.",
    "That is why {} is worth a second look \u{1f642}.",
    "Some would call {} a detail; the bill says otherwise.",
    "Nothing about {} is random here: the same question gets the same answer.",
    "You could also leave {} as it is, which costs nothing.",
    "Compare {} with what you had before, and keep the better one.",
    "The usual mistake with {} is to do it twice.",
    "Half of {} is knowing when to stop.",
    "Seen from far away, {} is a straight line \u{2014} close up, it is not.",
    "Write down what you expect of {} first; it is easier to be right afterwards.",
];

/// Words to speak of when a prompt has none.
const TOPICS: &[&str] = &["this", "the question", "your prompt", "the sandbox"];

/// Longest piece of the prompt that is quoted back, in characters.
const QUOTE_CHARS: usize = 80;

/// Numbers that follow from a seed (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// A seed made of bytes (FNV-1a over words of eight, so that long prompts cost little).
pub(crate) fn seed_of(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ bytes.len() as u64;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

/// Sentences about `prompt`: whole ones, until there are at least `tokens` tokens.
pub(crate) fn about(prompt: &str, tokens: u64, dice: &mut Dice) -> String {
    let mut said = format!("You said \u{201c}{}\u{201d}.", quote(prompt));
    add_sentences(&mut said, prompt, tokens, dice);
    said
}

/// An answer to a tool's result, which it quotes.
pub(crate) fn about_result(result: &str, tokens: u64, dice: &mut Dice) -> String {
    let mut said = format!("The tool answered: {}.", quote(result));
    add_sentences(&mut said, result, tokens, dice);
    said
}

/// Text of exactly `tokens` tokens.
pub(crate) fn exactly(prompt: &str, tokens: u64, dice: &mut Dice) -> String {
    let mut said = about(prompt, tokens, dice);
    let end = tokens::take(&said, tokens).len();
    said.truncate(end);
    said
}

fn add_sentences(said: &mut String, prompt: &str, tokens: u64, dice: &mut Dice) {
    let topics = topics(prompt);
    let mut count = tokens::count(said);
    while count < tokens {
        // Sentences counted apart may count a little more than together: hence the outer loop.
        while count < tokens {
            let before = said.len();
            let topic = if topics.is_empty() { dice.pick(TOPICS) } else { dice.pick(&topics) };
            add_sentence(said, topic, dice);
            count += tokens::count(&said[before..]);
        }
        count = tokens::count(said);
    }
}

fn add_sentence(said: &mut String, topic: &str, dice: &mut Dice) {
    let sentence = dice.pick(SENTENCES);
    let (start, end) = sentence.split_once("{}").unwrap_or((sentence, ""));
    for part in [" ", start, topic, end] {
        said.push_str(part);
    }
}

/// Up to eight words worth speaking of, from the prompt's beginning: prompts may be long.
fn topics(prompt: &str) -> Vec<&str> {
    let words = prompt.split(|letter: char| !letter.is_alphanumeric());
    words.take(200).filter(|word| (4..=40).contains(&word.len())).take(8).collect()
}

/// The beginning of a text, on one line.
fn quote(text: &str) -> String {
    let line = text.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut quoted: String = line.take(QUOTE_CHARS).collect();
    if text.trim().chars().nth(QUOTE_CHARS).is_some() {
        quoted.push('\u{2026}');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_says_the_same() {
        let say = |seed| about("why is the sky blue?", 90, &mut Dice::new(seed));
        assert_eq!(say(7), say(7));
        assert_ne!(say(7), say(8));
        assert!(say(7).contains("why is the sky blue?"));
    }

    #[test]
    fn there_are_as_many_tokens_as_asked() {
        for tokens in [0, 1, 7, 100, 5000] {
            let text = exactly("caf\u{e9} \u{6771}\u{4eac} \u{1f642}", tokens, &mut Dice::new(3));
            assert_eq!(tokens::count(&text), tokens);
            assert!(tokens::count(&about("x", tokens, &mut Dice::new(4))) >= tokens);
        }
    }

    #[test]
    fn long_prompts_are_quoted_in_part() {
        let said = about(&"long ".repeat(100), 1, &mut Dice::new(1));
        assert!(said.contains('\u{2026}') && said.len() < 500);
    }
}
