//! `ctm documents`: man pages and shell completions, made of the command line's definition.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use clap::{Command, CommandFactory};
use clap_complete::{Generator, Shell};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::args::{Cli, DocumentsArgs};
use crate::{interrupt, save};

/// Runs the command.
pub(crate) fn run(args: &DocumentsArgs) -> anyhow::Result<()> {
    interrupt::listen()?;
    let (man, completions) = (args.folder.join("man"), args.folder.join("completions"));
    for folder in [&man, &completions] {
        fs::create_dir_all(folder)
            .and_then(|()| save::probe(folder))
            .with_context(|| format!("{}: cannot be written to", args.folder.display()))?;
    }
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    write_man_pages(&command, &man)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "ctm", &mut text);
        save::bytes(&completions.join(shell.file_name("ctm")), &text)?;
    }
    Ok(())
}

/// One page for a command, and one for each of its subcommands.
fn write_man_pages(command: &Command, folder: &Path) -> anyhow::Result<()> {
    for subcommand in command.get_subcommands() {
        write_man_pages(subcommand, folder)?;
    }
    // A date of a space, since an empty one would be left out, and the version take its place.
    let man = Man::new(command.clone()).date(" ").source(format!("ctm {}", ctm::VERSION)).manual("ctm");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    // What follows the help is laid out in lines already: a man page would fill them.
    if let Some(notes) = command.get_after_help() {
        let mut roff = Roff::new();
        roff.control("SH", ["NOTES"]).control("nf", []);
        for line in notes.to_string().lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []).to_writer(&mut page)?;
    }
    save::bytes(&folder.join(man.get_filename()), &page)
}
