//! Where the paths of a configuration start.

use std::path::Path;

use super::file::File;

impl File {
    /// Lets paths of secrets and certificates start at the configuration's own folder.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        let readers = self.reader.iter_mut();
        let of_reader = readers.flat_map(|r| [Some(&mut r.secret_file), r.certificate.as_mut()]);
        let of_cameras = self.camera.iter_mut().map(|camera| camera.password_file.as_mut());
        let of_core = [self.core.certificate.as_mut(), self.core.key.as_mut()];
        for path in of_core.into_iter().chain(of_reader).chain(of_cameras).flatten() {
            // An empty one is told as what it is.
            if !path.as_os_str().is_empty() {
                *path = folder.join(&path);
            }
        }
    }
}
