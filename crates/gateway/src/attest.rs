//! `cofferdam attest`: what the encoders of this host are made of, and the list of it.

use std::fmt::Write as _;
use std::io::Write as _;

use cofferdam_attest::{Difference, Entry, Folders, List, known_answer};
use cofferdam_encode_link::EncoderName;

use crate::cli::AttestOptions;
use crate::exit::Exit;
use crate::programs::Programs;
use crate::vetting::{AskError, DEFAULT_LIST, Vetting, ask};

/// Prints every encoder that works here, and writes the list if that is asked for.
pub(crate) async fn run(options: &AttestOptions) -> Result<(), Exit> {
    let programs = Programs::find()?;
    let encode = programs.encode()?;
    let list = match &options.list {
        Some(path) => std::path::absolute(path)
            .map_err(|error| Exit::run_time(format!("{}: {error}", path.display())))?,
        None => DEFAULT_LIST.into(),
    };
    let vetting = Vetting::new(&programs, &list);
    let known = List::load(vetting.list(), &Folders::default());
    let mut entries = Vec::new();
    // Writing to a String cannot fail.
    let mut said = String::new();
    for name in EncoderName::ALL {
        let asked = match ask(&encode, name).await {
            Ok(asked) => asked,
            Err(why @ AskError::Ended(_)) => {
                let _ = writeln!(said, "{:<10} not usable: {why}", name.as_str());
                continue;
            }
            Err(error) => return Err(Exit::run_time(format!("{}: {error}", name.as_str()))),
        };
        let entry = vetting.measure(name, asked.pid, asked.attestation.clone()).await?;
        let vetted = known.as_ref().ok().and_then(|list| list.entry(name));
        describe(&entry, vetted, &vetting, &mut said);
        entries.push(entry);
    }
    if entries.is_empty() {
        return Err(Exit::run_time(
            "expected an encoder that works here, found none: is GStreamer's x264 plugin \
             installed?"
                .into(),
        ));
    }
    let path = vetting.list().display();
    if options.write {
        List::write(vetting.list(), &entries)
            .map_err(|error| Exit::run_time(format!("writing the list: {error}")))?;
        let _ = writeln!(said, "written    {path}");
    } else if let Err(error) = &known {
        let _ = writeln!(said, "list       {error}; `cofferdam attest --write` writes it");
    } else {
        let _ = writeln!(said, "list       {path}");
    }
    // Whoever reads only the first lines of it has seen enough.
    let _ = std::io::stdout().write_all(said.as_bytes());
    Ok(())
}

/// Describes an encoder: itself, then its files, each with how it stands to the list.
fn describe(entry: &Entry, vetted: Option<&Entry>, vetting: &Vetting, said: &mut String) {
    let answer = match known_answer(entry.name, entry.known_answer) {
        Some(whose) => format!("the answer of {whose}"),
        None => "an answer not known beforehand".to_owned(),
    };
    let _ = writeln!(
        said,
        "{:<10} {} {}, {answer}: {}",
        entry.name.as_str(),
        entry.element,
        entry.version,
        entry.known_answer
    );
    for (file, digest) in &entry.files {
        let standing = match vetted.and_then(|vetted| vetted.files.get(file)) {
            Some(known) if known == digest => "vetted",
            Some(_) => "changed",
            None => "new",
        };
        let path = vetting.folder().join(file);
        let _ = writeln!(said, "  {standing:<8} {digest}  {}", path.display());
    }
    let others = vetted.map(|vetted| vetted.judge(entry, vetting.folder()));
    if let Some(Err(differences)) = others {
        for difference in differences {
            // Files were told of above.
            if !matches!(difference, Difference::Changed { .. } | Difference::Unlisted(_)) {
                let _ = writeln!(said, "  {difference}");
            }
        }
    }
}
