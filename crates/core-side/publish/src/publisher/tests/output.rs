//! What comes out of what the encode worker delivers.

use super::*;

#[test]
fn a_mount_is_ready_when_its_parameter_sets_are_there() {
    let mut bench = Bench::new(AfterHold::Disconnect, ReaderLimits::default());
    let main = bench.mount(Main);
    assert_eq!(main.availability(), Availability::NotReady);
    assert!(bench.shows("camera_state{camera=\"lobby\",state=\"starting\"} 1"));
    let mut reader = main.subscribe_at(at(0));
    bench.start_worker(0);
    assert_eq!(main.availability(), Availability::Slate);
    assert!(bench.shows("camera_state{camera=\"lobby\",state=\"slate\"} 1"));
    let sets = main.parameter_sets().unwrap();
    assert_eq!((sets.sps(), sets.pps()), (SPS_UNIT, PPS_UNIT));
    assert!(reader.try_next().is_none(), "start-up units are kept, not published");
    assert_eq!((main.path(), main.ssrc().get(), main.geometry().width()), ("lobby/main", 7, 640));
    assert_eq!((bench.mount(Sub).path(), bench.mount(Sub).geometry().width()), ("lobby/sub", 320));
}

#[test]
fn units_are_packed_once_and_numbered_on() {
    let mut bench = Bench::started();
    let main = bench.mount(Main);
    let mut first = main.subscribe_at(at(0));
    let mut second = main.subscribe_at(at(0));
    bench.key_unit(Main, 40);
    bench.other_unit(Main, 80);
    let (units, same) = (taken(&mut first), taken(&mut second));
    assert_eq!(keys(&units), [true, false]);
    assert!(units.iter().zip(&same).all(|(a, b)| Arc::ptr_eq(a, b)));
    assert!(units.iter().all(|unit| unit.live));
    assert_eq!(units[0].first_sequence.get(), 65_534);
    assert_eq!(units[0].packets.packet_count(), 2, "parameter sets together, then the slice");
    assert_eq!(units[1].first_sequence.get(), 0);
    assert_eq!(units[0].timestamp, main.rtp_time(at(40)));
    assert_eq!(units[1].timestamp.wrapping_sub(units[0].timestamp), 3600);
    assert!(bench.shows("mount_pictures_out_total{camera=\"lobby\",mount=\"main\"} 2"));
    assert!(bench.shows("mount_bytes_out_total{camera=\"lobby\",mount=\"main\"} 15"));
    // Two at start, one since.
    let labels = "camera=\"lobby\",mount=\"main\",kind=";
    for (kind, count) in [("supplemental", 3), ("version", 0), ("delimiter", 0)] {
        let line = format!("mount_nal_units_removed_total{{{labels}\"{kind}\"}} {count}");
        assert!(bench.shows(&line), "{line}");
    }
    assert!(
        bench.shows(&format!(
            "mount_refused_total{{{}\"order\"}} 0",
            labels.replace("kind", "reason")
        ))
    );
    assert!(bench.shows("mount_encode_seconds_total{camera=\"lobby\",mount=\"main\"} 0.008"));
}

#[test]
fn timestamps_increase_whatever_the_worker_claims() {
    let mut bench = Bench::started();
    let mut reader = bench.mount(Main).subscribe_at(at(0));
    bench.key_unit(Main, 40);
    for (now, tick) in [(80, 40), (120, 0), (160, u64::MAX / 2_000_000), (200, 200)] {
        let header = AccessUnitHeader { tick: at(tick), ..header(Main, true, true, now) };
        bench.say(&header, &key(9), now).unwrap();
    }
    let stamps: Vec<u32> = taken(&mut reader).iter().map(|unit| unit.timestamp.get()).collect();
    let origin = bench.mount(Main).rtp_time(at(0)).get();
    let ticks: Vec<u32> = stamps.iter().map(|stamp| stamp.wrapping_sub(origin)).collect();
    let ahead = (160 + 100) * 90;
    assert_eq!(ticks, [3600, 3601, 3602, ahead, ahead + 1]);
}

#[test]
fn a_unit_before_the_start_up_units_is_refused() {
    let mut bench = Bench::new(AfterHold::Disconnect, ReaderLimits::default());
    let mut reader = bench.mount(Main).subscribe_at(at(0));
    bench.key_unit(Main, 0);
    assert!(reader.try_next().is_none());
    let refused = "mount_refused_total{camera=\"lobby\",mount=\"main\",reason=\"not_ready\"} 1";
    assert!(bench.shows(refused));
}

#[test]
fn a_bad_unit_is_dropped_and_all_that_build_on_it() {
    let mut bench = Bench::started();
    let mut reader = bench.mount(Main).subscribe_at(at(0));
    bench.key_unit(Main, 40);
    bench.commands();
    bench.say(&header(Main, false, true, 600), &key(9), 600).unwrap();
    assert_eq!(bench.commands(), [Command::KeyFrame(Main)]);
    bench.other_unit(Main, 640);
    bench.say(&header(Main, true, true, 680), &key_with_other_sps(), 680).unwrap();
    bench.other_unit(Main, 720);
    assert_eq!(keys(&taken(&mut reader)), [true]);
    bench.key_unit(Main, 760);
    bench.other_unit(Main, 800);
    assert_eq!(keys(&taken(&mut reader)), [true, false]);
    for (reason, count) in [("key_flag", 1), ("awaiting_key", 2), ("parameter_sets", 1)] {
        let labels = format!("camera=\"lobby\",mount=\"main\",reason=\"{reason}\"");
        assert!(bench.shows(&format!("mount_refused_total{{{labels}}} {count}")), "{reason}");
    }
    assert_eq!(reader.dropped(), 0, "the reader was not behind");
}

#[test]
fn a_worker_that_delivers_nothing_good_is_to_be_replaced() {
    let mut bench = Bench::started();
    bench.key_unit(Main, 0);
    let mut outcome = Ok(());
    let mut millis = 0;
    while outcome.is_ok() && millis < 10_000 {
        millis += 40;
        outcome = bench.say(&header(Main, true, true, millis), &other(), millis);
    }
    assert_eq!(outcome, Err(OutputFault::Unpublishable(Main, Refusal::KeyFlag)));
    assert_eq!(millis, 3_040, "three seconds after the first refused unit");
}

#[test]
fn a_flood_of_bad_units_is_cut_short() {
    let mut bench = Bench::started();
    let refused = (0..10_000)
        .take_while(|_| bench.say(&header(Main, true, true, 0), b"\x47", 0).is_ok())
        .count();
    assert_eq!(refused, 499);
}

#[test]
fn a_worker_with_other_parameter_sets_is_refused_at_its_start() {
    let mut bench = Bench::started();
    let startup = |key| AccessUnitHeader { startup: true, ..header(Main, key, false, 0) };
    for (header, bytes, reason) in [
        (startup(true), key_with_other_sps(), Refusal::ParameterSets),
        (startup(false), other(), Refusal::KeyFlag),
        (startup(true), vec![1, 2, 3], Refusal::Malformed),
    ] {
        let fault = Err(OutputFault::Startup(Main, reason));
        assert_eq!(bench.say(&header, &bytes, 0), fault);
    }
    assert_eq!(bench.mount(Main).parameter_sets().unwrap().sps(), SPS_UNIT);
}

proptest! {
    #[test]
    fn no_worker_can_make_it_panic_or_publish_what_is_not_in_order(
        records in prop::collection::vec(
            (any::<[bool; 4]>(), 0..5usize, any::<u64>(), any::<u64>(), 0..100u64),
            0..60,
        ),
    ) {
        let mut bench = Bench::started();
        let mut readers = bench.publisher.mounts().map(|mount| mount.subscribe_at(at(0)));
        let mut now = 0;
        for ([sub, key_flag, live, startup], shape, tick, stamp, later) in records {
            now += later;
            let header = AccessUnitHeader {
                mount: if sub { Sub } else { Main },
                key: key_flag,
                live,
                startup,
                tick: MonotonicTime::from_nanos(tick),
                arrived: Some(MonotonicTime::from_nanos(stamp)),
                complete: Some(MonotonicTime::from_nanos(stamp)),
                encode_time: Duration::from_nanos(stamp),
            };
            let shapes = [key(9), other(), key_with_other_sps(), vec![0; 9], vec![0, 0, 1, 0x65]];
            let _ = bench.say(&header, &shapes[shape], now);
            bench.run_until(now);
        }
        for reader in &mut readers {
            let units = taken(reader);
            prop_assert!(units.first().is_none_or(|unit| unit.key));
            for pair in units.windows(2) {
                let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
                prop_assert!(step > 0 && step < 90_000 * 10, "step {step}");
            }
            for unit in units {
                unit.sent(at(now));
            }
        }
    }
}
