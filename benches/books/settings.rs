//! What the bench is told on its command line.

const USAGE: &str = "usage: books [--records N]

  --records N     records to settle before everything is timed (10000000)

TOLLGATE_BIN names the gateway (the one beside this program).";

/// How much is measured.
pub(crate) struct Settings {
    pub(crate) records: u64,
}

impl Settings {
    pub(crate) fn from_arguments(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, &'static str> {
        let mut settings = Self { records: 10_000_000 };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            match name.as_str() {
                "--records" => settings.records = value.parse().map_err(|_| USAGE)?,
                _ => return Err(USAGE),
            }
        }
        Ok(settings)
    }
}
