//! The `tollgate` binary: reads the command line and composes both planes.
fn main() {}
