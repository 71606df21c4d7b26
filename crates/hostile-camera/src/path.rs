//! Where an attack comes to.

macro_rules! paths {
    ($($id:ident $title:literal;)+) => {
        /// The part of a camera's worker that an attack reaches: what reads the bytes that are wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Path {
            $(#[doc = $title] $id,)+
        }

        impl Path {
            /// What it is, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$id => $title,)+ }
            }
        }
    };
}

paths! {
    Connection "the connection";
    StatusLine "status lines";
    StatusCode "status codes";
    Headers "headers";
    BodyLength "lengths of bodies";
    AnswerNumber "numbers of answers";
    DescribeHeaders "headers of the description";
    DescribeBody "body of the description";
    DescribeWait "the wait for a description";
    DescribeChallenge "the challenge at DESCRIBE";
    SecondChallenge "the second challenge";
    SetupHeaders "headers of SETUP's answer";
    SetupBody "body of SETUP's answer";
    SetupWait "the wait for SETUP's answer";
    SetupChallenge "the challenge at SETUP";
    SetupRequests "requests in SETUP's place";
    Session "the session's header";
    Transport "the transport's header";
    PlayStatus "status line of PLAY's answer";
    PlayWait "the wait for PLAY's answer";
    PlayInfo "where PLAY begins";
    Location "the place of a redirection";
    ContentBase "the base of the description";
    Control "the place of a stream";
    Requests "requests of the camera's";
    DescriptionText "the description as text";
    MediaLine "media lines";
    FormatLine "formats and their clocks";
    FormatParameters "parameters of a format";
    StreamChoice "the choice of a stream";
    Playing "the stream";
    Frames "interleaved frames";
    Channels "channels";
    RtpHeader "RTP headers";
    RtpPadding "RTP padding";
    RtpSources "contributing sources";
    RtpExtension "RTP extensions";
    Source "the source of packets";
    PayloadType "payload types";
    Sequence "sequence numbers";
    Clock "the clock of packets";
    Datagrams "datagrams";
    Reports "RTCP";
    Audio "packets of audio";
    H264Payload "kinds of H.264 payloads";
    H264Aggregates "aggregates of H.264";
    H264Fragments "fragments of H.264";
    H265Payload "kinds of H.265 payloads";
    H265Fragments "fragments of H.265";
    JpegHeader "headers of JPEG payloads";
    JpegFragments "fragments of JPEG";
    JpegSegments "segments of JPEG";
    H264Units "units of H.264";
    H264Sps "SPS of H.264";
    H264Pps "PPS of H.264";
    H264Slices "slice headers of H.264";
    H265Units "units of H.265";
    H265Sps "SPS of H.265";
    SliceData "coded slices";
    Pixels "decoded pictures";
}
