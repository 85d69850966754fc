//! Paths of results: checked before anything is computed, written after.

use std::error::Error;
use std::path::Path;

use softmdp::io::NpzWriter;

use crate::arguments::Arguments;
use crate::screen::Screen;

/// Checks the path of results, and creates the folder for pictures.
pub(crate) fn prepare(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if let Some(out) = &arguments.output.out {
        check(out, arguments)?;
    }
    if let Some(folder) = &arguments.output.plot {
        std::fs::create_dir_all(folder).map_err(|error| format!("--plot {}: {error}", folder.display()))?;
    }
    Ok(())
}

fn check(out: &Path, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let place = format!("--out {}", out.display());
    if out.is_dir() {
        return Err(format!("{place} is a folder: add a file name").into());
    }
    if out.extension().is_none_or(|extension| extension != "npz") {
        return Err(format!(
            "{place} is not an .npz file: results are archives of numpy, so change the extension"
        )
        .into());
    }
    if out.canonicalize().is_ok_and(|out| arguments.path.canonicalize().is_ok_and(|model| model == out)) {
        return Err(format!("{place} is the file of the model: choose another file").into());
    }
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(format!("{place}: folder {} does not exist", folder.display()).into())
        }
        _ => Ok(()),
    }
}

/// Writes the results, if the command line names a file for them.
pub(crate) fn write(
    arguments: &Arguments,
    screen: &mut Screen,
    add: impl FnOnce(&mut NpzWriter) -> Result<(), softmdp::io::Error>,
) -> Result<(), Box<dyn Error>> {
    let Some(path) = &arguments.output.out else { return Ok(()) };
    let mut writer = NpzWriter::create(path)?;
    add(&mut writer)?;
    writer.finish()?;
    screen.line("results", path.display())?;
    Ok(())
}
