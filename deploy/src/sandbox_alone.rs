//! `tollgate sandbox`: the provider simulator without a gateway.

use std::net::SocketAddr;

use crate::config::Mistake;
use crate::{say, signals};

/// Runs until a signal asks for a stop.
///
/// # Errors
/// The address cannot be listened on.
pub fn run(listen: SocketAddr) -> Result<(), Mistake> {
    let stop = signals::listen().map_err(|fault| Mistake(fault.to_string()))?;
    let handle = sandbox::spawn(listen, sandbox::Settings::visible())
        .map_err(|fault| Mistake(format!("cannot listen on {listen}: {fault}")))?;
    say(&format!("the simulator answers at {}", handle.base_url()));
    stop.wait();
    handle.stop();
    Ok(())
}
