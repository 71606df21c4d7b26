//! The layers of a jail, one a file. Each is put on by one call, and says so only when it was seen to
//! hold.

pub(crate) mod descriptors;
pub(crate) mod landlock;
pub(crate) mod limits;
pub(crate) mod privileges;
pub(crate) mod seccomp;
pub(crate) mod undumpable;
pub(crate) mod wx;
