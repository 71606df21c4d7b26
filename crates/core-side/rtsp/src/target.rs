//! What a request's URL asks for.

use rtsp_types::Url;

use crate::sdp::TRACK;

/// A request's URL, taken apart. Scheme, host and port say nothing: what matters is which address
/// the reader connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The path without track, and without slashes at either end.
    pub(crate) path: &'a str,
    pub(crate) track: Track,
}

/// Which part of a presentation is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Track {
    /// All of it.
    Aggregate,
    /// The one track there is.
    Video,
    /// A track that does not exist.
    Unknown,
}

impl<'a> Target<'a> {
    pub(crate) fn of(url: &'a Url) -> Self {
        let path = url.path().trim_matches('/');
        if let Some((mount, track)) = split_track(path) {
            return Self { path: mount.trim_end_matches('/'), track };
        }
        // Clients that append the control attribute to a URL with a query end up here.
        let track = url.query().and_then(split_track).map_or(Track::Aggregate, |(_, track)| track);
        Self { path, track }
    }
}

fn split_track(text: &str) -> Option<(&str, Track)> {
    let (before, last) = text.rsplit_once('/')?;
    let name = TRACK.split_once('=').map_or(TRACK, |(name, _)| name);
    let (found, _) = last.split_once('=')?;
    if !found.eq_ignore_ascii_case(name) {
        return None;
    }
    Some((before, if last.eq_ignore_ascii_case(TRACK) { Track::Video } else { Track::Unknown }))
}

/// `url` without account, query and fragment, and with `path`: what answers may quote.
pub(crate) fn plain(url: &Url, path: &str) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // These refuse URLs that cannot have an account, which then have none to remove.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_path(path);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_path_and_track() {
        let cases = [
            ("rtsp://h/lobby/main", "lobby/main", Track::Aggregate),
            ("rtsp://h:8554/lobby/main/", "lobby/main", Track::Aggregate),
            ("rtsp://h//lobby/main//", "lobby/main", Track::Aggregate),
            ("rtsp://h/lobby/main?a=b", "lobby/main", Track::Aggregate),
            ("rtsp://h/lobby/main/trackID=0", "lobby/main", Track::Video),
            ("rtsp://h/lobby/main//trackid=0/", "lobby/main", Track::Video),
            ("rtsp://h/lobby/main?a=b/trackID=0", "lobby/main", Track::Video),
            ("rtsp://h/lobby/main/?a=b&c=d/trackID=0", "lobby/main", Track::Video),
            ("rtsp://h/lobby/main/trackID=1", "lobby/main", Track::Unknown),
            ("rtsp://h/lobby/main?x/trackID=", "lobby/main", Track::Unknown),
            ("rtsp://u:p@[::1]:1/lobby/main", "lobby/main", Track::Aggregate),
            ("rtsp://h", "", Track::Aggregate),
            ("rtsp://h/trackID=0", "trackID=0", Track::Aggregate),
            ("data:,x", ",x", Track::Aggregate),
        ];
        for (url, path, track) in cases {
            assert_eq!(Target::of(&Url::parse(url).unwrap()), Target { path, track }, "{url}");
        }
    }

    #[test]
    fn a_quoted_url_has_no_account_and_no_query() {
        let url = Url::parse("rtsp://u:p@h:8554/lobby/main/?token=x#y").unwrap();
        assert_eq!(plain(&url, "lobby/main"), "rtsp://h:8554/lobby/main");
    }
}
