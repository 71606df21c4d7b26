use super::*;

fn refused(text: &str) -> (usize, String) {
    let error = Policy::parse(text).unwrap_err();
    (error.line, error.what)
}

#[test]
fn a_list_says_what_becomes_of_each_call() {
    let policy = Policy::parse(
        "# a comment\n\
         default kill\n\
         allow read\n\
         allow mmap if arg2 lacks PROT_EXEC   # W^X\n\
         allow socketpair if arg0 in AF_UNIX,1 and arg1 has SOCK_STREAM|SOCK_CLOEXEC\n\
         refuse EPERM openat\n\
         refuse ENOSYS clone3\n",
    )
    .unwrap();
    assert_eq!(policy.default, Verdict::Kill);
    assert_eq!(policy.rules.len(), 5);
    assert_eq!(combinations(&policy.rules[2].conditions).len(), 2);
    // One filter for each error, and the list itself, which is installed last.
    assert_eq!(policy.compile().unwrap().len(), 3);
}

#[test]
fn every_mistake_has_its_line() {
    assert_eq!(refused("allow read\n").0, 0);
    for (line, part) in [
        ("allow raed", "raed"),
        ("permit read", "permit"),
        ("refuse EWHAT read", "EWHAT"),
        ("allow mmap if arg6 lacks 1", "arg6"),
        ("allow mmap if arg2 without 1", "without"),
        ("allow mmap if arg2 lacks PROT_EXE", "PROT_EXE"),
        ("allow mmap if", "argN"),
        ("allow mmap if arg0 in 1 and", "argN"),
        ("allow read write", "write"),
        ("default kill", "default"),
    ] {
        let (number, what) = refused(&format!("default kill\n\n{line}\n"));
        assert_eq!(number, 3, "{line}");
        assert!(what.contains(part), "{line}: {what}");
    }
}

#[test]
fn a_call_without_conditions_needs_none_of_its_conditional_lines() {
    let policy =
        Policy::parse("default kill\nallow mmap if arg2 lacks PROT_EXEC\nallow mmap\n").unwrap();
    let table = table(policy.rules.iter()).unwrap();
    assert_eq!(table[&libc::SYS_mmap].len(), 0);
}

#[test]
fn killing_lines_stand_over_a_default_that_refuses() {
    let policy =
        Policy::parse("default refuse EPERM\nallow read\nkill ptrace\nrefuse ENOSYS clone3\n")
            .unwrap();
    assert_eq!(policy.compile().unwrap().len(), 3);
}
