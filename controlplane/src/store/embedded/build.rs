//! Building the view from the journal, all of it or what is missing.
//!
//! Runs on a thread of its own: it looks at the journal while the ledger writes on, and hands the
//! view over with the batch it has come to. Invariant: a view that is ahead of its journal, or
//! that cannot be read, is not repaired but thrown away.

use super::journal::{Folders, ReadBatch, look_at};
use super::projection::Projection;
use super::view::{View, ViewError};

/// A view that has come at least to batch `durable`.
pub(crate) fn build(folders: &Folders, durable: u64) -> Result<View, String> {
    let again = |error: ViewError| {
        View::discard(&folders.view).map_err(|why| format!("{}; {why}", error.0))
    };
    let opened = match View::open(&folders.view) {
        Ok(view) if view.applied() <= durable => view,
        Ok(view) => {
            drop(view);
            again(ViewError("the view is ahead of the journal".into()))?;
            View::open(&folders.view).map_err(|error| error.0)?
        }
        Err(error) => {
            again(error)?;
            View::open(&folders.view).map_err(|error| error.0)?
        }
    };
    match brought_up(opened, folders) {
        Ok(view) => Ok(view),
        Err(error) => {
            again(ViewError(error))?;
            brought_up(View::open(&folders.view).map_err(|error| error.0)?, folders)
        }
    }
}

fn brought_up(mut view: View, folders: &Folders) -> Result<View, String> {
    let from = view.applied() + 1;
    look_at(folders, from, |batch| add(&mut view, &batch))?;
    view.write().map_err(|error| error.0)?;
    Ok(view)
}

/// Brings a view up with batches as they are read.
pub(crate) fn catch_up(
    view: &mut View,
    read: impl FnOnce(&mut dyn FnMut(ReadBatch) -> Result<(), String>) -> Result<(), String>,
) -> Result<(), String> {
    read(&mut |batch| add(view, &batch))?;
    view.write().map_err(|error| error.0)
}

fn add(view: &mut View, batch: &ReadBatch) -> Result<(), String> {
    let mut projection = Projection::default();
    for read in batch.events() {
        projection.add_read(&read?)?;
    }
    view.add(&mut projection, batch.at).map_err(|error| error.0)
}
