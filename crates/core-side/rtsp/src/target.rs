//! What a request's URL asks for.

use rtsp_types::Url;

use crate::sdp::TRACK;

/// A request's URL, taken apart. Scheme, host and port say nothing: what matters is which address
/// the reader connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The path without track, and without slashes at either end.
    pub(crate) path: &'a str,
    /// The query without track, and without slashes behind it.
    pub(crate) query: Option<&'a str>,
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
        // Clients that append the control attribute to a URL with a query put the track there.
        let (query, in_query) = match url.query().map(|query| (query, split_track(query))) {
            Some((_, Some((query, track)))) => (Some(query), Some(track)),
            Some((query, None)) => (Some(query), None),
            None => (None, None),
        };
        let query = query.map(|query| query.trim_end_matches('/')).filter(|q| !q.is_empty());
        if let Some((mount, track)) = split_track(path) {
            return Self { path: mount.trim_end_matches('/'), query, track };
        }
        Self { path, query, track: in_query.unwrap_or(Track::Aggregate) }
    }
}

/// Whether a request's URL can lead to `path` as another path of a mount: with its query, if it has one. What a
/// URL has in another form (`{`, for which it has `%7B`), or as something else (a track, an empty query), cannot.
#[must_use]
pub fn is_reachable_path(path: &str) -> bool {
    let Ok(url) = Url::parse(&format!("rtsp://gateway/{path}")) else { return false };
    let target = Target::of(&url);
    let found = match target.query {
        Some(query) => format!("{}?{query}", target.path),
        None => target.path.to_owned(),
    };
    target.track == Track::Aggregate && found == path
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
            let url = Url::parse(url).unwrap();
            let target = Target::of(&url);
            assert_eq!((target.path, target.track), (path, track), "{url}");
        }
    }

    #[test]
    fn a_query_is_kept_without_the_track() {
        let cases = [
            ("rtsp://h/cam?channel=1&subtype=0", Some("channel=1&subtype=0")),
            ("rtsp://h/cam?channel=1&subtype=0/", Some("channel=1&subtype=0")),
            ("rtsp://h/cam?channel=1&subtype=0/trackID=0", Some("channel=1&subtype=0")),
            ("rtsp://h/cam/trackID=0?channel=1", Some("channel=1")),
            ("rtsp://h/cam?", None),
            ("rtsp://h/cam", None),
        ];
        for (url, query) in cases {
            assert_eq!(Target::of(&Url::parse(url).unwrap()).query, query, "{url}");
        }
    }

    #[test]
    fn a_quoted_url_has_no_account_and_no_query() {
        let url = Url::parse("rtsp://u:p@h:8554/lobby/main/?token=x#y").unwrap();
        assert_eq!(plain(&url, "lobby/main"), "rtsp://h:8554/lobby/main");
    }
}
