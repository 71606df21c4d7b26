//! RTCP (RFC 3550 §6): the reports a sender makes, and what readers say about reception.

mod build;
#[cfg(test)]
mod cases;
mod parse;

pub use build::{Cname, CnameError, SenderReport};
pub use parse::{Incoming, MAX_REPORTS, ReceptionReport, RtcpError, parse};

const VERSION: u8 = 2;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
