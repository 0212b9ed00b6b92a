//! The demo customer of a sandbox start: an account with $5, a key in a file, a `curl` to paste.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use controlplane::{Commands, Secret};

use crate::config::Mistake;

/// The demo key's file in the data directory.
const KEY_FILE: &str = "demo-key";

/// Makes the demo account, or finds it; its key is kept in a file.
///
/// # Errors
/// The ledger refuses, or the file cannot be written.
pub fn prepare(commands: &Commands, data: &Path) -> Result<Secret, Mistake> {
    let path = data.join(KEY_FILE);
    let kept = fs::read_to_string(&path).ok().map(|text| Secret::new(text.trim()));
    let demo = controlplane::demo(commands, kept.as_ref())
        .map_err(|refusal| Mistake(format!("the demo account: {refusal}")))?;
    if kept.as_ref() != Some(&demo.key) {
        write_secret(&path, demo.key.reveal())
            .map_err(|fault| Mistake(format!("{}: {fault}", path.display())))?;
    }
    Ok(demo.key)
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

/// What a newcomer is shown.
pub fn welcome(data: SocketAddr, admin: SocketAddr, directory: &Path, key: &Secret) -> String {
    let key = key.reveal();
    let token = directory.join("admin.token");
    let key_file = directory.join(KEY_FILE);
    format!(
        "Tollgate serves the sandbox: a simulated provider, nothing leaves this machine.\n\
         \n\
         customers   http://{data}/v1\n\
         operators   http://{admin}   token in {token}\n\
         demo key    {key}   (also in {key_file}; its account holds $5)\n\
         \n\
         Try it:\n\
         \n\
         curl -N http://{data}/v1/chat/completions \\\n  \
           -H 'Authorization: Bearer {key}' \\\n  \
           -H 'Content-Type: application/json' \\\n  \
           -d '{{\"model\":\"sandbox/chat\",\"stream\":true,\
             \"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n",
        token = token.display(),
        key_file = key_file.display(),
    )
}
