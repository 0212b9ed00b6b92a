//! What of a request its upstream is not told, for the client to know.

/// What of a request is not said to the upstream, by the client's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped(Vec<Box<str>>);

impl Dropped {
    /// Most names that are told.
    const MOST: usize = 16;

    /// Adds a name; control bytes and commas of it are not told, and long ones are cut.
    pub fn add(&mut self, name: &str) {
        let plain = |letter: &char| matches!(letter, '!'..='~') && *letter != ',';
        let name: String = name.chars().filter(plain).take(64).collect();
        let is_new = !self.0.iter().any(|known| **known == *name);
        if is_new && !name.is_empty() && self.0.len() < Self::MOST {
            self.0.push(name.into());
        }
    }

    /// The names, separated by commas, as the value of a header; none where nothing was dropped.
    pub fn header(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(", "))
    }
}
