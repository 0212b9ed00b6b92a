//! `tollgate controlplane`: the control plane alone; data planes link to its socket.

use std::path::{Path, PathBuf};

use catalog::compile::CompileOptions;

use crate::config::{Config, DATA_DIRECTORY, LinkPlace, Mistake};
use crate::serve::{control_settings, told};
use crate::{catalog_file, profile, signals};

/// Runs until a signal asks for a stop.
///
/// # Errors
/// Why it does not start.
pub fn run(config: &Path, data: Option<&Path>) -> Result<(), Mistake> {
    let config = Config::read(config)?;
    notice::set(config.log.level, config.log.format);
    let data = data.map_or_else(|| PathBuf::from(DATA_DIRECTORY), Path::to_owned);
    let Some(LinkPlace(link)) = config.link.listen.clone() else {
        let remedy = "set it to where data planes connect, such as \"unix:/run/tollgate.sock\"";
        return Err(Mistake(format!("[link] listen is missing; {remedy}")));
    };
    let profile = profile::read(&config.brand.profile)?;
    let options = CompileOptions { multiplier: profile.control.multiplier };
    let file = config.brand.catalog.as_deref().map(|path| catalog_file::read(path, &options));
    let file = file.transpose()?;
    let stop = signals::listen().map_err(told)?;
    let settings = controlplane::Settings {
        link: Some(link.clone()),
        data_planes_min: 0,
        ..control_settings(&config, &data, profile.control)?
    };
    let control = controlplane::start(settings).map_err(told)?;
    catalog_file::apply(&control.commands(), file.as_ref(), None).map_err(told)?;
    let operators = control.admin_addr();
    let link = link.display();
    notice::info!("control plane: operators http://{operators}, link unix:{link}");
    stop.wait();
    notice::info!("stopping");
    control.stop();
    Ok(())
}
