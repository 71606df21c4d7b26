//! The list of what this project has to stand: the rows that scenarios name.

/// Makes the rows, in order: its id, what it is in one line, and the tests beside the catalogue that
/// hold it, as `file: function`.
macro_rules! rows {
    ($($id:ident $title:literal $([$($test:literal),+])?;)+) => {
        /// A row of the threat model (`T`), of the hostile inputs that are known of other products (`H`),
        /// or of the holes that were found in the client library (`L`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Row {
            $(#[doc = $title] $id,)+
        }

        impl Row {
            /// Every row, in order.
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// Its name in tables.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$id => stringify!($id),)+ }
            }

            /// What it is, in one line.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$id => $title,)+ }
            }

            /// The tests elsewhere that hold it, as `file: function`; none where scenarios are all.
            #[must_use]
            pub const fn elsewhere(self) -> &'static [&'static str] {
                match self { $(Self::$id => &[$($($test),+)?],)+ }
            }
        }
    };
}

rows! {
    T1 "attacks on the readers of RTSP and SDP";
    T2 "asks for the password in clear";
    T3 "attacks on RTP, its framing, and what joins packets to access units" ["tests/misbehave.rs: bombs_of_memory_and_descriptors"];
    T4 "attacks on the decoders" ["tests/filter.rs: what_cameras_hide_beside_their_pictures_does_not_reach_the_decoder"];
    T5 "another shape of picture in the middle of a stream";
    T6 "pictures that cost more than they should";
    T7 "slow, silent, coming and going";
    T8 "packets of another host on the cameras' network" ["tests/dialing.rs: a_workers_only_socket_is_the_one_that_the_dialer_made"];
    T9 "code in a worker that wants out" ["tests/escape.rs: every_way_out_of_either_jail_ends_as_the_golden_table_says"];
    T10 "shared memory as a weapon" ["tests/misbehave.rs: whatever_is_written_into_a_ring"];
    T11 "pixels as a weapon against the encoder";
    T12 "an encoder's output that is no picture" ["crates/core-side/publish/src/access_unit/mod.rs: parameter_sets_are_compared_byte_by_byte"];
    T13 "a reader's attacks on the RTSP server" ["tests/protocol.rs: what_makes_no_sense_is_answered_or_closed_and_counted"];
    T14 "a camera's text in what the core side tells" ["tests/canary.rs: nothing_a_camera_wrote_reaches_the_core_or_a_json_log"];
    T15 "a camera's text in logs" ["tests/canary.rs: nothing_a_camera_wrote_reaches_the_core_or_a_text_log"];
    T16 "audio, which is never asked for";
    T17 "a way back to the camera" ["tests/network.rs: readers_that_come_and_go_send_nothing_to_the_camera"];
    T18 "what a shared CPU tells the camera of readers" ["tests/network.rs: readers_that_come_and_go_send_nothing_to_the_camera"];
    T19 "one camera's worker against another's" ["tests/escape.rs: every_way_out_of_either_jail_ends_as_the_golden_table_says"];
    H1 "lies about the length of a body";
    H2 "headers without end";
    H3 "another way to log in than was agreed on";
    H4 "a redirection to a host of the core network";
    H5 "a base or a control that names another host";
    H6 "packets on unknown channels";
    H7 "sources, sequence numbers and clocks that wrap and jump";
    H8 "fragments without end";
    H9 "aggregates of nothing";
    H10 "parameter sets with every picture";
    H11 "a picture of 8192x8192";
    H12 "ten bits";
    H13 "interlaced pictures" ["tests/formats.rs: every_form_of_picture_comes_out_in_the_same_colours"];
    H14 "a picture of 65,536 slices";
    H15 "a flood of side information";
    H16 "an enhancement in side information (LCEVC)";
    H17 "other layers and views (SVC, MVC)";
    H18 "another configuration of AAC";
    H19 "another codec in the middle of a stream";
    H20 "a stall";
    H21 "a storm of resets";
    L1 "a blank list of formats: a panic";
    L2 "sequence numbers that jump twice in an access unit: an overflow";
    L3 "a body of any length: memory without bound";
    L4 "fragments of one access unit: memory without bound";
    L5 "a header line without end: memory without bound";
    L6 "a request of the camera's with a picture behind it: a stall";
    L7 "a base that names another host: a connection there";
    L8 "a source that names another host: packets there";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_row_is_acted_out_or_held_by_a_test_that_is_named() {
        let acted: BTreeSet<Row> =
            crate::catalogue().iter().flat_map(|s| s.rows).copied().collect();
        let elsewhere = Row::ALL.iter().copied().filter(|row| !row.elsewhere().is_empty());
        let held: BTreeSet<Row> = acted.iter().copied().chain(elsewhere).collect();
        assert_eq!(held, Row::ALL.iter().copied().collect());
    }

    #[test]
    fn the_tests_elsewhere_exist() {
        for test in Row::ALL.iter().flat_map(|row| row.elsewhere()) {
            let (file, function) = test.split_once(": ").unwrap();
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
            let text = std::fs::read_to_string(&path).unwrap();
            let head = format!("fn {function}()");
            assert!(text.contains(&head), "{test}");
        }
    }
}
