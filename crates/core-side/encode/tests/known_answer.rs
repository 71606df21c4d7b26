//! The known-answer test: what must make a difference does, and what must make none does not.
#![allow(missing_docs, clippy::unwrap_used)]

use cofferdam_attest::known_answer;
use cofferdam_encode::encoder::known_answer::{QUANTIZER, X264_OPTIONS, answer, answer_at};
use cofferdam_encode::encoder::load;
use cofferdam_encode_link::EncoderName::{Openh264, X264};

#[test]
fn the_answer_is_the_one_that_is_known() {
    for name in [X264, Openh264] {
        load(name).unwrap();
        let answer = answer(name).unwrap();
        assert!(known_answer(name, answer).is_some(), "{name:?}: {answer}");
    }
}

/// x264's own functions in C, instead of those for this CPU.
#[test]
fn x264_without_assembly_gives_the_same_answer() {
    load(X264).unwrap();
    let plain = |options: &str| answer_at(X264, QUANTIZER, options).unwrap();
    assert_eq!(plain(&format!("{X264_OPTIONS}:asm=0")), answer(X264).unwrap());
}

#[test]
fn another_quantizer_gives_another_answer() {
    for name in [X264, Openh264] {
        load(name).unwrap();
        let other = answer_at(name, QUANTIZER + 1, X264_OPTIONS).unwrap();
        assert_ne!(other, answer(name).unwrap(), "{name:?}");
        assert_eq!(known_answer(name, other), None);
    }
}

/// What `cpu-independent` is for: without it the answer is this CPU's own, unless the CPU has nothing
/// of its own. And the option changes nothing else.
#[test]
fn without_its_option_x264_answers_as_the_cpu_pleases() {
    load(X264).unwrap();
    let known = answer(X264).unwrap();
    let of_none = answer_at(X264, QUANTIZER, "scenecut=0:asm=0").unwrap();
    assert_eq!(of_none, known);
    let of_this_cpu = answer_at(X264, QUANTIZER, "scenecut=0").unwrap();
    if of_this_cpu == known {
        eprintln!("SKIPPED: x264 rounds on this CPU as on any");
    }
}
