//! The executable mappings of a process, as `/proc/PID/maps` lists them (proc_pid_maps(5)).

use std::collections::BTreeSet;
use std::path::PathBuf;

/// The files that a process has mapped to execute, and nothing but files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mappings(BTreeSet<PathBuf>);

/// Why mappings are none that could be vetted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMappings {
    /// Code that came from no file, or memory that can be written and executed: nothing to hash.
    #[error("executable memory that is no file's: {0}")]
    NoFile(String),
    /// The file was replaced or deleted after it was mapped.
    #[error("{0}: replaced or deleted while it is in use")]
    Replaced(PathBuf),
    /// The text is not what the kernel writes.
    #[error("the kernel's list of mappings: expected a mapping, found another line")]
    Line,
    /// A process without code.
    #[error("the kernel's list of mappings: expected executable files, found none")]
    Empty,
}

/// Mappings of the kernel's own, the same in every process.
const KERNEL: [&str; 2] = ["[vdso]", "[vsyscall]"];
/// What the kernel writes behind the path of a file that is gone.
const DELETED: &str = " (deleted)";

impl Mappings {
    /// Reads the executable mappings out of the text of a `maps` file.
    ///
    /// # Errors
    /// When there is executable memory that is no file's.
    pub fn parse(maps: &str) -> Result<Self, NoMappings> {
        let mut files = BTreeSet::new();
        for line in maps.lines() {
            let mapping = Mapping::parse(line).ok_or(NoMappings::Line)?;
            if !mapping.permissions.contains('x') || KERNEL.contains(&mapping.name) {
                continue;
            }
            if cfg!(feature = "without-mapping-check") {
                files.insert(PathBuf::from(mapping.name));
                continue;
            }
            let written = mapping.permissions.contains('w');
            if !mapping.name.starts_with('/') || mapping.inode == "0" || written {
                let name = if mapping.name.is_empty() { "anonymous" } else { mapping.name };
                let what = format!("{name} ({})", mapping.permissions);
                return Err(NoMappings::NoFile(what));
            }
            if let Some(path) = mapping.name.strip_suffix(DELETED) {
                // Memory files have no name that could be opened, so they are always "deleted".
                return Err(match path.starts_with("/memfd:") {
                    true => NoMappings::NoFile(path.to_owned()),
                    false => NoMappings::Replaced(path.into()),
                });
            }
            files.insert(PathBuf::from(mapping.name));
        }
        if files.is_empty() { Err(NoMappings::Empty) } else { Ok(Self(files)) }
    }

    /// The files, in order.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.iter()
    }
}

/// One line: address range, permissions, offset, device, inode, and a name that may hold spaces.
struct Mapping<'a> {
    permissions: &'a str,
    inode: &'a str,
    name: &'a str,
}

impl<'a> Mapping<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut rest = line;
        let mut field = || {
            let (field, behind) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = behind;
            Some(field).filter(|field| !field.is_empty())
        };
        let (range, permissions) = (field()?, field()?);
        let (_offset, _device, inode) = (field()?, field()?, field()?);
        let whole = range.contains('-') && permissions.len() == 4;
        whole.then(|| Self { permissions, inode, name: rest.trim_start_matches(' ') })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
5581a0000000-5581a0010000 r--p 00000000 fe:01 101                        /opt/cofferdam-encode
5581a0010000-5581a0090000 r-xp 00010000 fe:01 101                        /opt/cofferdam-encode
5581a1000000-5581a1021000 rw-p 00000000 00:00 0                          [heap]
7f1000000000-7f1000100000 r-xp 00000000 fe:01 202                        /usr/lib/with space.so.1
7f1000100000-7f1000200000 r-xp 00100000 fe:01 202                        /usr/lib/with space.so.1
7f1000200000-7f1000300000 rw-s 00000000 00:01 33                         /memfd:ring (deleted)
7f1000300000-7f1000400000 rw-p 00000000 00:00 0 
7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
";

    #[test]
    fn files_that_are_executed_are_listed_once() {
        let files: Vec<_> = Mappings::parse(GOOD).unwrap().files().cloned().collect();
        let expected = ["/opt/cofferdam-encode", "/usr/lib/with space.so.1"];
        assert_eq!(files, expected.map(PathBuf::from));
    }

    #[test]
    fn executable_memory_that_is_no_files_is_refused() {
        let no_file = |what: &str| NoMappings::NoFile(what.into());
        for (line, refusal) in [
            ("7f00-7f01 rwxp 00000000 00:00 0 ", no_file("anonymous (rwxp)")),
            ("7f00-7f01 r-xp 00000000 00:00 0", no_file("anonymous (r-xp)")),
            ("7f00-7f01 --xp 00000000 00:00 0   [stack]", no_file("[stack] (--xp)")),
            ("7f00-7f01 r-xp 00000000 00:00 0   [anon:jit]", no_file("[anon:jit] (r-xp)")),
            ("7f00-7f01 r-xs 00000000 00:01 9   /memfd:orc (deleted)", no_file("/memfd:orc")),
            ("7f00-7f01 rwxp 00000000 fe:01 9   /lib/a.so", no_file("/lib/a.so (rwxp)")),
            (
                "7f00-7f01 r-xp 00000000 fe:01 9   /lib/a.so (deleted)",
                NoMappings::Replaced("/lib/a.so".into()),
            ),
            ("7f00-7f01 r-xp", NoMappings::Line),
            ("", NoMappings::Line),
            ("7f00 r-xp 0 fe:01 9 /lib/a.so", NoMappings::Line),
        ] {
            assert_eq!(Mappings::parse(&format!("{GOOD}{line}\n")), Err(refusal), "{line}");
        }
        assert_eq!(Mappings::parse(""), Err(NoMappings::Empty));
    }

    /// The control that the format is the one of this kernel.
    #[test]
    fn the_test_program_is_among_its_own_mappings() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let own = std::env::current_exe().unwrap();
        assert!(Mappings::parse(&maps).unwrap().files().any(|file| *file == own));
    }
}
