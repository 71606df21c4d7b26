//! What readers get while the camera or its worker is away.

use super::*;

#[test]
fn slates_stand_in_for_a_worker_and_the_stream_runs_on() {
    let mut bench = Bench::started();
    let mut reader = bench.mount(Main).subscribe_at(at(0));
    bench.key_unit(Main, 40);
    bench.publisher.handle_worker_ended(at(50));
    bench.run_until(660);
    let units = taken(&mut reader);
    assert_eq!(units.iter().map(|unit| number(unit)).collect::<Vec<_>>(), [9, 1, 2, 1, 2]);
    assert!(units[1..].iter().all(|unit| unit.key && !unit.live));
    let dues: Vec<_> = units.iter().map(|unit| unit.due).collect();
    assert_eq!(dues, [40, 50, 250, 450, 650].map(at));
    for pair in units.windows(2) {
        let next = pair[0].first_sequence.get().wrapping_add(2);
        assert_eq!(pair[1].first_sequence.get(), next);
        assert!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) < 90_000);
    }

    bench.start_worker(700);
    bench.other_unit(Main, 740);
    assert!(taken(&mut reader).is_empty(), "nothing that builds on what readers have not got");
    bench.key_unit(Main, 780);
    bench.run_until(9_000);
    let units = taken(&mut reader);
    assert_eq!(units.iter().map(|unit| number(unit)).collect::<Vec<_>>(), [9]);
    assert!(units[0].live);
    assert_eq!(bench.publisher.poll_timeout(), None);
}

#[test]
fn a_slate_goes_out_while_the_next_worker_starts_slowly() {
    let mut bench = Bench::started();
    let mut reader = bench.mount(Sub).subscribe_at(at(0));
    bench.publisher.handle_worker_ended(at(0));
    bench.start_worker(100);
    bench.run_until(450);
    assert_eq!(taken(&mut reader).len(), 3);
    bench.key_unit(Main, 460);
    bench.run_until(650);
    assert_eq!(taken(&mut reader).len(), 1, "the sub mount still waits for its first unit");
    bench.key_unit(Sub, 660);
    bench.run_until(5_000);
    assert_eq!(taken(&mut reader).len(), 1);
    assert_eq!(bench.publisher.poll_timeout(), None);
}

#[test]
fn a_camera_never_seen_ends_sessions_after_the_hold() {
    let mut bench = Bench::started();
    let main = bench.mount(Main);
    let mut reader = main.subscribe_at(at(0));
    bench.slate_unit(9_000);
    assert_eq!(main.availability(), Availability::Slate);
    assert_eq!(taken(&mut reader).len(), 1);
    assert_eq!(bench.publisher.poll_timeout(), Some(at(10_000)));
    bench.run_until(10_000);
    assert_eq!(main.availability(), Availability::Ended);
    assert_eq!(bench.mount(Sub).availability(), Availability::Ended);
    assert_eq!(reader.end(), Some(SubscriptionEnd::SignalLost));
    assert_eq!(main.subscribe_at(at(10_001)).end(), Some(SubscriptionEnd::SignalLost));
    assert_eq!(main.readers(), 0);
    assert!(bench.shows("camera_state{camera=\"lobby\",state=\"ended\"} 1"));
}

#[test]
fn the_first_live_picture_brings_a_camera_back_and_the_hold_begins_anew() {
    let mut bench = Bench::started();
    let main = bench.mount(Main);
    bench.run_until(20_000);
    bench.slate_unit(20_040);
    assert_eq!(main.availability(), Availability::Ended);
    bench.key_unit(Main, 20_080);
    assert_eq!(main.availability(), Availability::Live);
    let reader = main.subscribe_at(at(20_090));
    assert_eq!(reader.end(), None);
    bench.slate_unit(21_000);
    assert_eq!(main.availability(), Availability::Slate);
    assert_eq!(bench.publisher.poll_timeout(), Some(at(31_000)));
    bench.slate_unit(30_999);
    assert_eq!(reader.end(), None);
    bench.slate_unit(31_000);
    assert_eq!(reader.end(), Some(SubscriptionEnd::SignalLost));
}

#[test]
fn a_lost_worker_is_a_lost_signal() {
    let mut bench = Bench::started();
    bench.key_unit(Main, 100);
    assert_eq!(bench.mount(Main).availability(), Availability::Live);
    bench.publisher.handle_worker_ended(at(200));
    assert_eq!(bench.mount(Main).availability(), Availability::Slate);
    bench.run_until(10_199);
    assert_eq!(bench.mount(Main).availability(), Availability::Slate);
    bench.run_until(10_200);
    assert_eq!(bench.mount(Main).availability(), Availability::Ended);
}

#[test]
fn a_slate_that_stays_never_ends_a_session() {
    let mut bench = Bench::new(AfterHold::Slate, ReaderLimits::default());
    bench.start_worker(0);
    let reader = bench.mount(Main).subscribe_at(at(0));
    bench.publisher.handle_timeout(at(1_000_000));
    bench.slate_unit(1_000_000);
    assert_eq!(bench.mount(Main).availability(), Availability::Slate);
    assert_eq!(reader.end(), None);
    assert_eq!(bench.publisher.poll_timeout(), None);
}

#[test]
fn a_silent_worker_can_be_told_from_a_healthy_one() {
    let mut bench = Bench::new(AfterHold::Disconnect, ReaderLimits::default());
    assert_eq!(bench.publisher.silent_for(at(500)), None);
    bench.start_worker(1_000);
    assert_eq!(bench.publisher.silent_for(at(1_500)), Some(Duration::from_millis(500)));
    bench.key_unit(Main, 2_000);
    assert_eq!(bench.publisher.silent_for(at(2_001)), Some(Duration::from_millis(1)));
    bench.publisher.handle_worker_ended(at(3_000));
    assert_eq!(bench.publisher.silent_for(at(9_000)), None);
}
