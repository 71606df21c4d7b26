//! What readers cause, and what becomes of them.

use super::*;

#[test]
fn types_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<Mounts>();
    check::<Mount>();
    check::<Subscription>();
    check::<Unit>();
    check::<CameraPublisher>();
    check::<Commands>();
}

#[test]
fn mounts_are_found_by_path_and_alias() {
    let bench = Bench::started();
    let [main, sub] = bench.publisher.mounts();
    let aliases = [("old/1".to_owned(), Arc::clone(&main)), ("lobby/sub".to_owned(), main)];
    let mounts = Mounts::with_aliases(vec![bench.mount(Main), Arc::clone(&sub)], aliases);
    assert_eq!(mounts.find("old/1").unwrap().kind(), Main);
    assert!(Arc::ptr_eq(&mounts.find("lobby/sub").unwrap(), &sub));
    assert!(mounts.find("/lobby/main").is_none() && mounts.find("lobby").is_none());
    assert_eq!(mounts.iter().len(), 2);
}

#[test]
fn only_the_sub_mount_stops_and_a_new_worker_hears_what_is_needed() {
    let mut bench = Bench::new(AfterHold::Disconnect, ReaderLimits::default());
    bench.start_worker(0);
    assert_eq!(bench.commands(), [Command::Start(Main), Command::KeyFrame(Main)]);
    let (main, sub) = (bench.mount(Main), bench.mount(Sub));
    let on_main = main.subscribe_at(at(1_000));
    let first = sub.subscribe_at(at(1_000));
    let second = sub.subscribe_at(at(1_000));
    let wanted = [Command::KeyFrame(Main), Command::Start(Sub), Command::KeyFrame(Sub)];
    assert_eq!(bench.commands(), wanted);
    drop((on_main, first));
    assert_eq!(bench.commands(), []);
    bench.publisher.handle_worker_ended(at(2_000));
    bench.start_worker(2_100);
    let again = [
        Command::Start(Main),
        Command::KeyFrame(Main),
        Command::Start(Sub),
        Command::KeyFrame(Sub),
    ];
    assert_eq!(bench.commands(), again);
    assert!(bench.shows("mount_readers{camera=\"lobby\",mount=\"sub\"} 1"));
    drop(second);
    assert_eq!(bench.commands(), [Command::Stop(Sub)]);
    assert!(bench.shows("mount_readers{camera=\"lobby\",mount=\"sub\"} 0"));
    bench.key_unit(Sub, 2_200);
    assert!(bench.shows("mount_pictures_out_total{camera=\"lobby\",mount=\"sub\"} 0"));
}

#[test]
fn key_frames_are_forced_at_most_twice_a_second() {
    let mut bench = Bench::started();
    let main = bench.mount(Main);
    let mut others = Vec::new();
    let mut forced = Vec::new();
    for millis in (500..2_500).step_by(20) {
        let mut newcomer = main.subscribe_at(at(millis));
        let asked = bench.commands().contains(&Command::KeyFrame(Main));
        if asked {
            forced.push(millis);
            bench.key_unit(Main, millis + 10);
        } else {
            bench.other_unit(Main, millis + 10);
        }
        assert!(taken(&mut newcomer).first().is_some_and(|unit| unit.key), "no wait");
        others.push(newcomer);
        others.iter_mut().for_each(|other| drop(taken(other)));
    }
    assert_eq!(forced, [500, 1_000, 1_500, 2_000]);
    assert!(bench.shows("mount_key_frames_forced_total{camera=\"lobby\",mount=\"main\"} 5"));
}

#[test]
fn a_request_that_came_too_early_is_made_up_for_on_the_next_record() {
    let mut bench = Bench::started();
    bench.publisher.handle_record(Record::Status(Box::default()), at(499)).unwrap();
    assert_eq!(bench.commands(), [], "asked at the worker's start");
    bench.publisher.handle_record(Record::Status(Box::default()), at(500)).unwrap();
    assert_eq!(bench.commands(), [Command::KeyFrame(Main)]);
}

#[test]
fn a_reader_that_stops_taking_loses_units_and_at_last_its_place() {
    let limits = ReaderLimits { overflows: 1, ..ReaderLimits::default() };
    let mut bench = Bench::new(AfterHold::Disconnect, limits);
    bench.start_worker(0);
    let mut slow = bench.mount(Main).subscribe_at(at(0));
    let mut quick = bench.mount(Main).subscribe_at(at(0));
    bench.key_unit(Main, 40);
    bench.commands();
    let mut seen = 0;
    for millis in (80..=1_080).step_by(40) {
        bench.other_unit(Main, millis);
        seen += taken(&mut quick).len();
    }
    assert_eq!((seen, quick.dropped()), (27, 0));
    assert_eq!(slow.dropped(), 27);
    assert_eq!(bench.commands(), [Command::KeyFrame(Main)]);
    bench.key_unit(Main, 1_120);
    assert_eq!(keys(&taken(&mut slow)), [true]);
    assert_eq!(slow.end(), None);
    bench.other_unit(Main, 1_160);
    taken(&mut quick);
    bench.key_unit(Main, 2_200);
    assert_eq!(slow.end(), Some(SubscriptionEnd::TooSlow));
    assert_eq!(bench.mount(Main).readers(), 1);
    assert!(bench.shows("mount_reader_units_dropped_total{camera=\"lobby\",mount=\"main\"} 28"));
}

#[test]
fn latency_is_observed_once_a_new_picture() {
    let mut bench = Bench::started();
    let mut reader = bench.mount(Main).subscribe_at(at(0));
    bench.key_unit(Main, 40);
    let repeated = AccessUnitHeader { tick: at(80), ..header(Main, false, true, 40) };
    bench.say(&repeated, &other(), 80).unwrap();
    bench.slate_unit(120);
    for unit in taken(&mut reader) {
        unit.sent(at(130));
        unit.sent(at(140));
    }
    for (from, seconds) in [("arrived", "0.12"), ("complete", "0.1")] {
        let name = |part| format!("latency_seconds_{part}{{camera=\"lobby\",from=\"{from}\"}}");
        assert!(bench.shows(&format!("{} 1", name("count"))));
        assert!(bench.shows(&format!("{} {seconds}", name("sum"))));
    }
}

#[tokio::test]
async fn a_waiting_reader_is_woken_by_units_and_by_the_end() {
    let mut bench = Bench::started();
    let mut reader = bench.mount(Main).subscribe_at(at(0));
    let task = tokio::spawn(async move { (reader.next().await, reader.next().await) });
    tokio::task::yield_now().await;
    bench.key_unit(Main, 40);
    tokio::task::yield_now().await;
    bench.publisher.stop();
    let (unit, end) = task.await.unwrap();
    assert!(unit.unwrap().key);
    assert_eq!(end.unwrap_err(), SubscriptionEnd::Stopping);
}

#[test]
fn stopping_ends_all_readers_present_and_to_come() {
    let mut bench = Bench::started();
    let (main, sub) = (bench.mount(Main), bench.mount(Sub));
    let readers = [main.subscribe_at(at(0)), sub.subscribe_at(at(0))];
    bench.publisher.stop();
    assert!(readers.iter().all(|reader| reader.end() == Some(SubscriptionEnd::Stopping)));
    assert_eq!(main.subscribe_at(at(1)).end(), Some(SubscriptionEnd::Stopping));
    assert_eq!(bench.publisher.poll_timeout(), None);

    let bench = Bench::started();
    let reader = bench.mount(Main).subscribe_at(at(0));
    drop(bench);
    assert_eq!(reader.end(), Some(SubscriptionEnd::Stopping), "a publisher that is gone");
}
