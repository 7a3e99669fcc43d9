//! `ctm documents`: man pages and completions say what the command line is.

use std::fs;

use crate::common::run;

/// The first words of the lines of a `--help` that begin with a pattern.
fn words(help: &str, pattern: &str) -> Vec<String> {
    let lines =
        help.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with(pattern)));
    // `--option[=<VALUE>]` is one word.
    let is_end = |letter: char| !letter.is_alphanumeric() && letter != '-';
    let name = |word: &str| word.split(is_end).next().unwrap_or_default().to_owned();
    lines.map(name).collect()
}

/// The subcommands that `ctm --help` lists.
fn subcommands() -> Vec<String> {
    let help = run(["--help"]).quiet().stdout;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !["", "help"].contains(name)).map(str::to_owned).collect()
}

#[test]
fn each_command_and_option_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| {
        fs::read_to_string(folder.path().join("new").join(name)).unwrap_or_else(|_| panic!("{name}"))
    };
    run(["documents", folder.path().join("new").to_str().unwrap()]).quiet();
    let completions = ["ctm.bash", "_ctm", "ctm.fish"].map(|name| read(&format!("completions/{name}")));
    let main_page = read("man/ctm.1").replace('\\', "");
    assert!(main_page.contains("Exit codes:"), "{main_page}");

    let commands = subcommands();
    assert!(commands.len() >= 3 && commands.contains(&"segment".into()), "{commands:?}");
    assert_eq!(fs::read_dir(folder.path().join("new/man")).unwrap().count(), 1 + commands.len());
    for command in &commands {
        assert!(main_page.contains(&format!("ctm-{command}(1)")), "{main_page}");
        assert!(completions.iter().all(|text| text.contains(command.as_str())), "{command}");
        let page = read(&format!("man/ctm-{command}.1")).replace('\\', "");
        assert!(page.contains(&format!("\"ctm {}\"", ctm::VERSION)), "{page}");
        let help = run([command.as_str(), "--help"]).quiet().stdout;
        for option in words(&help, "--") {
            assert!(page.contains(&option), "{option}: {page}");
            // fish has them without the dashes.
            let bare = option.trim_start_matches('-');
            assert!(completions.iter().all(|text| text.contains(bare)), "{option}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_made() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let run = run(["documents", file.path().to_str().unwrap()]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("cannot be written to"), "{run:?}");
}
