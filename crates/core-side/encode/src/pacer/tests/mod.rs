//! The pacer against simulated cameras: time is an argument, so minutes pass in milliseconds.
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "simulated seconds")]

mod camera;

use proptest::prelude::*;

use self::camera::{Camera, Kind, MS, SECOND, START, Shown};
use super::*;

fn only_pictures_in_order(shown: &[Shown]) {
    let numbers: Vec<_> = shown
        .iter()
        .map(|s| match s.kind {
            Kind::Picture(n) => n,
            other => panic!("expected pictures only, found {other:?} at {:?}", s.tick - START),
        })
        .collect();
    assert!(!numbers.is_empty());
    for pair in numbers.windows(2) {
        assert_eq!(pair[1], pair[0] + 1);
    }
}

/// Ticks a period apart but for the slew.
fn on_a_smooth_grid(shown: &[Shown], period: u64) {
    for pair in shown.windows(2) {
        let off = (pair[1].tick - pair[0].tick).abs_diff(period);
        assert!(off <= (500_000).min(period / 100), "ticks {off} ns off the grid");
    }
}

fn worst(shown: &[Shown], of: impl Fn(&Shown) -> u64) -> u64 {
    shown.iter().map(of).max().unwrap()
}

fn mean(shown: &[Shown], of: impl Fn(&Shown) -> u64) -> u64 {
    shown.iter().map(of).sum::<u64>() / shown.len() as u64
}

fn delay(shown: &Shown) -> u64 {
    shown.at - shown.complete
}

fn lateness(shown: &Shown) -> u64 {
    shown.at.saturating_sub(shown.tick)
}

#[test]
fn a_quiet_camera_is_delayed_by_about_a_millisecond() {
    for fps in [1, 5, 15, 25, 30, 50, 60] {
        let period = FrameRate::new(fps).unwrap().period_nanos();
        let camera = Camera::steady(fps, 0, 60);
        let run = camera.run();
        let live = run.between(1, 60);
        only_pictures_in_order(&live);
        on_a_smooth_grid(&live, period);
        assert!(worst(&live, delay) <= 2 * MS, "{fps}: {} ns", worst(&live, delay));
        assert!(worst(&live, lateness) == 0, "{fps}: late");
        assert_eq!(run.counts.skipped, 0);
    }
}

#[test]
fn jitter_does_not_pass() {
    for (fps, jitter) in [(25, 2), (25, 8), (25, 18), (30, 8), (60, 2), (60, 8)] {
        let period = FrameRate::new(fps).unwrap().period_nanos();
        let run = Camera::steady(fps, jitter, 120).run();
        let live = run.between(15, 119);
        only_pictures_in_order(&live);
        on_a_smooth_grid(&live, period);
        // The odd picture later than any of five seconds before it waits a little.
        assert!(
            worst(&live, lateness) <= 2 * MS,
            "{fps}±{jitter}: late {}",
            worst(&live, lateness)
        );
        let late = live.iter().filter(|s| lateness(s) > 0).count();
        assert!(late * 50 <= live.len(), "{fps}±{jitter}: {late} of {} late", live.len());
        let added = mean(&live, delay);
        assert!(added <= (jitter + 3) * MS, "{fps}±{jitter}: {added} ns added");
        assert_eq!(run.between(2, 119).len(), live.len() + run.between(2, 15).len());
        assert_eq!(run.counts.skipped, 0, "{fps}±{jitter}");
    }
}

#[test]
fn jitter_longer_than_a_period_costs_no_picture_either() {
    let run = Camera { slots: 6, ..Camera::steady(60, 18, 120) }.run();
    let live = run.between(15, 119);
    only_pictures_in_order(&live);
    on_a_smooth_grid(&live, 1_000_000_000 / 60);
}

#[test]
fn delay_stays_within_the_bound_whatever_the_jitter() {
    for jitter in [25, 35] {
        let run = Camera::steady(25, jitter, 120).run();
        let live = run.between(15, 119);
        assert!(mean(&live, delay) <= 25 * MS, "±{jitter}: {}", mean(&live, delay));
    }
    let run = Camera { max_jitter: 0, ..Camera::steady(25, 8, 120) }.run();
    let live = run.between(15, 119);
    only_pictures_in_order(&live);
    assert!(mean(&live, delay) <= 5 * MS, "{}", mean(&live, delay));
}

#[test]
fn the_grid_follows_the_cameras_clock() {
    for (deviation, jitter) in
        [(0.002, 0), (-0.002, 0), (0.001, 8), (-0.001, 8), (0.0001, 8), (-0.0001, 2)]
    {
        let period = 40_000_000.0 * (1.0 + deviation);
        let run = Camera::new(25, period, jitter * MS, 600).run();
        let live = run.between(30, 595);
        only_pictures_in_order(&live);
        on_a_smooth_grid(&live, 40_000_000);
        let added = mean(&live, delay);
        assert!(added <= (jitter + 4) * MS, "{deviation} ±{jitter}: {added} ns added");
        assert!(
            worst(&live, lateness) <= 3 * MS,
            "{deviation} ±{jitter}: {}",
            worst(&live, lateness)
        );
    }
}

#[test]
fn a_stall_that_the_ring_can_hold_costs_nothing() {
    for length in [55, 80, 110] {
        for phase in [3, 11, 23, 35] {
            let from = START + 20 * SECOND + phase * MS;
            let run = Camera::steady(25, 1, 40).stall(from, length * MS).run();
            let live = run.between(10, 39);
            only_pictures_in_order(&live);
            on_a_smooth_grid(&live, 40 * MS);
            assert_eq!(run.counts.skipped, 0, "{length} at {phase}");
            let after = run.between(21, 39);
            assert!(worst(&after, lateness) <= MS && worst(&after, delay) <= 8 * MS);
        }
    }
}

#[test]
fn a_longer_stall_costs_as_many_pictures_as_repeats_and_no_lasting_delay() {
    for (length, most) in [(160, 2), (400, 8)] {
        for phase in [3, 15, 27, 39] {
            let from = START + 20 * SECOND + phase * MS;
            let run = Camera::steady(25, 1, 60).stall(from, length * MS).run();
            let stalled = run.between(15, 59);
            let repeats = stalled.iter().filter(|s| s.kind == Kind::Repeat).count() as u64;
            assert!((1..=most).contains(&repeats), "{length} ms: {repeats} repeats");
            assert_eq!(run.counts.skipped, repeats, "{length} ms at {phase}");
            on_a_smooth_grid(&stalled, 40 * MS);
            let after = run.between(21, 59);
            only_pictures_in_order(&after);
            assert!(worst(&after, delay) <= 8 * MS, "{length}: {}", worst(&after, delay));
        }
    }
}

#[test]
fn a_lost_picture_leaves_out_its_tick_and_no_other_picture() {
    for lost in [1, 2] {
        let from = START + 20 * SECOND + 30 * MS;
        let run = Camera::steady(25, 1, 40).gap(from, from + lost * 40 * MS).run();
        let live = run.between(10, 39);
        only_pictures_in_order(&live);
        assert_eq!(live.len() as u64 + lost, 29 * 25);
        assert_eq!(run.counts.skipped, 0);
        assert!(worst(&live, delay) <= 5 * MS, "each is shown when it comes");
        let late = live.iter().filter(|s| lateness(s) > 2 * MS).count();
        assert!(late <= 4, "{late} with the time of a tick long past");
    }
}

#[test]
fn bursts_of_three_are_spread_over_their_ticks() {
    // A camera that sends three pictures at once, every 120 ms: worse than can be covered.
    let mut camera = Camera::steady(25, 0, 60);
    for n in 0..camera.complete.len() {
        camera.complete[n] = START + 50 * MS + (n as u64 / 3) * 120 * MS + 80 * MS;
    }
    let run = camera.run();
    let live = run.between(10, 59);
    assert!(worst(&live, delay) <= 130 * MS);
    let pictures = live.iter().filter(|s| matches!(s.kind, Kind::Picture(_))).count();
    assert!(pictures * 3 > live.len(), "{pictures} of {}", live.len());
}

#[test]
fn a_slow_camera_is_repeated_and_not_chased() {
    for rate in [21.0, 12.0, 12.5, 24.0, 5.0] {
        let run = Camera::new(25, SECOND as f64 / rate, 2 * MS, 120).run();
        let live = run.between(10, 110);
        assert!(live.len().abs_diff(2500) <= 2, "{rate}: {} ticks", live.len());
        let repeats = live.iter().filter(|s| s.kind == Kind::Repeat).count() as f64 / 100.0;
        assert!((repeats - (25.0 - rate)).abs() < 0.3, "{rate}: {repeats} repeats a second");
        assert!(worst(&live, |s| if s.kind == Kind::Repeat { 0 } else { delay(s) }) <= 43 * MS);
        let skipped = run.counts.skipped;
        assert!(skipped <= 25, "{rate}: {skipped} skipped");
        on_a_smooth_grid(&live, 40 * MS);
    }
}

#[test]
fn a_fast_camera_loses_older_pictures_and_gains_no_delay() {
    for rate in [30.0, 26.0, 50.0, 60.0] {
        let run = Camera::new(25, SECOND as f64 / rate, 2 * MS, 120).run();
        let live = run.between(10, 110);
        assert!(live.len().abs_diff(2500) <= 2, "{rate}: {} ticks", live.len());
        assert!(worst(&live, delay) <= 41 * MS, "{rate}: {}", worst(&live, delay));
        let early = run.between(1, 10);
        assert!(worst(&early, delay) <= 100 * MS, "{rate}: {}", worst(&early, delay));
        assert!(run.counts.repeated <= 30, "{rate}: {} repeated", run.counts.repeated);
        let skipped = run.counts.skipped as f64 / 120.0;
        assert!((skipped - (rate - 25.0)).abs() < 0.5, "{rate}: {skipped} skipped a second");
    }
}

#[test]
fn a_camera_that_finds_its_rate_again_is_locked_to_again() {
    let mut camera = Camera::new(25, SECOND as f64 / 18.0, 0, 30);
    let last = *camera.complete.last().unwrap();
    camera.complete.extend((1..=1500).map(|n| last + n * 40 * MS));
    let run = camera.run();
    let live = run.between(50, 85);
    only_pictures_in_order(&live);
    assert!(worst(&live, delay) <= 2 * MS, "{}", worst(&live, delay));
}

#[test]
fn a_camera_that_is_gone_is_repeated_then_slated_then_back_at_once() {
    let lost = START + 20 * SECOND;
    let back = START + 31 * SECOND + 17 * MS;
    let run = Camera::steady(25, 1, 60).gap(lost, back).run();
    let last = run.shown.iter().rfind(|s| s.kind != Kind::Slate && s.tick < back).unwrap();
    let last_picture =
        run.shown.iter().rfind(|s| matches!(s.kind, Kind::Picture(_)) && s.tick < back).unwrap();
    assert_eq!(last.kind, Kind::Repeat);
    assert!(last.at < last_picture.complete + SECOND, "shown as live when stale");
    assert!(last.at > last_picture.complete + SECOND - 100 * MS, "slated too soon");
    let slated: Vec<_> = run.between(22, 31);
    assert!(slated.iter().all(|s| s.kind == Kind::Slate));
    on_a_smooth_grid(&slated, 200 * MS);
    let first = run.shown.iter().find(|s| s.at >= back).unwrap();
    let first_live = run.shown.iter().find(|s| s.at >= back && s.kind != Kind::Slate).unwrap();
    assert!(first_live.fresh && matches!(first_live.kind, Kind::Picture(_)));
    assert!(first.tick <= first_live.tick && delay(first_live) <= 10 * MS);
    assert_eq!(run.shown.iter().filter(|s| s.fresh).count(), 2, "at the start and when back");
    let live = run.between(32, 59);
    only_pictures_in_order(&live);
    assert!(worst(&live, lateness) <= MS && worst(&live, delay) <= 6 * MS);
}

#[test]
fn an_encoder_that_cannot_keep_up_leaves_out_ticks_and_stays_near_the_present() {
    let run = Camera { encode: 55 * MS, ..Camera::steady(25, 1, 60) }.run();
    let live = run.between(5, 59);
    assert!(worst(&live, delay) <= 300 * MS, "{}", worst(&live, delay));
    assert!(worst(&live, lateness) <= 300 * MS, "{}", worst(&live, lateness));
    let pictures = live.iter().filter(|s| matches!(s.kind, Kind::Picture(_))).count();
    assert!(pictures * 10 >= live.len() * 9, "{pictures} of {}", live.len());
}

#[test]
fn without_a_camera_there_is_a_slate_from_the_start() {
    let camera = Camera { complete: vec![START + 10 * SECOND], ..Camera::steady(25, 0, 1) };
    let run = camera.run();
    assert_eq!(run.shown[0].tick, START);
    assert_eq!(run.shown[0].kind, Kind::Slate);
    assert_eq!(run.between(0, 10).len(), 50);
}

proptest! {
    /// Whatever the camera does: ticks strictly increase, nothing older follows something newer,
    /// every picture is shown or skipped at most once, and nothing stale is shown as live.
    #[test]
    fn ticks_increase_and_pictures_never_go_back(
        fps in 1u32..=60,
        intervals in prop::collection::vec((0u64..200, 0u64..1_000_000), 1..400),
        pauses in prop::collection::vec((0usize..400, 500u64..5000), 0..4),
        encode in 0u64..120,
        max_jitter in 0u64..50,
        slots in 2usize..=8,
    ) {
        let mut at = START;
        let mut complete = Vec::new();
        for (n, (ms, ns)) in intervals.into_iter().enumerate() {
            let pause: u64 = pauses.iter().filter(|(i, _)| *i == n).map(|(_, ms)| ms).sum();
            at += (ms + pause) * MS + ns;
            complete.push(at);
        }
        let camera = Camera { fps, encode: encode * MS, max_jitter: max_jitter * MS, slots, complete };
        let run = camera.run();
        let mut newest = None;
        for pair in run.shown.windows(2) {
            prop_assert!(pair[0].tick < pair[1].tick);
        }
        for shown in &run.shown {
            if let Kind::Picture(n) = shown.kind {
                prop_assert!(newest.is_none_or(|newest| newest < n));
                newest = Some(n);
                prop_assert!(shown.complete <= shown.at);
                let stale = SECOND.max(SECOND / u64::from(fps) * 5 / 2);
                prop_assert!(delay(shown) < stale);
            }
        }
        prop_assert!(run.counts.shown + run.counts.skipped <= camera.complete.len() as u64);
    }
}
