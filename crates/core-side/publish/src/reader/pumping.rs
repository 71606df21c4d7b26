//! A reader between the pump and its own task.

use proptest::prelude::*;

use super::*;
use crate::Next;
use crate::fan_out::tests::unit;

const NOON: MonotonicTime = MonotonicTime::from_nanos(1_000_000_000);
const PAUSE: Duration = Duration::from_millis(1);
const LATER: MonotonicTime = MonotonicTime::from_nanos(1_001_000_000);

const BOUNDS: QueueBounds = QueueBounds { bytes: usize::MAX, age: Duration::from_secs(1) };

/// Takes units until told otherwise, and notes which.
#[derive(Debug)]
struct Script {
    next: Mutex<Delivery>,
    /// When each was due, which tells them apart.
    taken: Arc<Mutex<Vec<u64>>>,
}

impl Sink for Script {
    fn send(&self, unit: &Arc<Unit>) -> Delivery {
        let delivery = *self.next.lock().unwrap();
        if delivery != Delivery::Refused {
            self.taken.lock().unwrap().push(unit.due.as_nanos());
        }
        delivery
    }

    fn resume(&self) -> Delivery {
        let delivery = *self.next.lock().unwrap();
        // Some of the unit is gone already.
        if delivery == Delivery::Refused { Delivery::Begun } else { delivery }
    }
}

struct Bench {
    pump: Pump,
    reader: Arc<Reader>,
    sink: Arc<Script>,
    /// By the sink and by the reader's task, in one row.
    taken: Arc<Mutex<Vec<u64>>>,
    offered: Vec<u64>,
}

impl Bench {
    fn new() -> Self {
        let (pump, taken) = (Pump::default(), Arc::<Mutex<Vec<u64>>>::default());
        let next = Mutex::new(Delivery::Sent);
        let sink = Arc::new(Script { next, taken: Arc::clone(&taken) });
        let reader = Arc::new(Reader::new());
        reader.attach(pump.clone(), Arc::<Script>::clone(&sink));
        Self { pump, reader, sink, taken, offered: Vec::new() }
    }

    fn offer(&mut self) {
        let number = self.offered.len() as u64;
        let unit = unit(number == 0, 10, MonotonicTime::from_nanos(number));
        let limits = ReaderLimits::default();
        let outcome = self.reader.offer(&unit, BOUNDS, &limits, MonotonicTime::from_nanos(0));
        assert_eq!(outcome, (Offered::Fine, 0));
        self.offered.push(number);
    }

    fn round(&self, delivery: Delivery) {
        *self.sink.next.lock().unwrap() = delivery;
        self.pump.go_round(8, || NOON);
    }

    /// What the reader's own task gets.
    fn task(&self) -> Option<u64> {
        let number = self.reader.take()?.unwrap().due.as_nanos();
        self.taken.lock().unwrap().push(number);
        Some(number)
    }

    fn taken(&self) -> Vec<u64> {
        self.taken.lock().unwrap().clone()
    }
}

#[test]
fn the_task_gets_nothing_while_the_pump_sends() {
    let mut bench = Bench::new();
    bench.offer();
    assert_eq!(bench.task(), Some(0), "the pump is not on yet");
    bench.reader.pump_on();
    bench.offer();
    assert_eq!(bench.task(), None);
    bench.round(Delivery::Sent);
    assert_eq!(bench.taken(), [0, 1]);
}

#[test]
fn what_waits_when_the_pump_comes_on_is_sent() {
    let mut bench = Bench::new();
    bench.offer();
    bench.offer();
    bench.reader.pump_on();
    bench.round(Delivery::Sent);
    assert_eq!(bench.taken(), [0, 1]);
}

#[test]
fn a_unit_that_was_refused_is_the_tasks() {
    let mut bench = Bench::new();
    bench.reader.pump_on();
    bench.offer();
    bench.round(Delivery::Refused);
    assert!(bench.taken().is_empty());
    assert!(bench.reader.is_back() && !bench.reader.is_back(), "told once");
    assert_eq!(bench.task(), Some(0));
}

#[test]
fn nothing_follows_a_unit_that_was_begun_until_the_pump_is_on_again() {
    let mut bench = Bench::new();
    bench.reader.pump_on();
    bench.offer();
    bench.offer();
    bench.round(Delivery::Begun);
    assert_eq!(bench.taken(), [0]);
    assert!(bench.reader.is_back());
    bench.round(Delivery::Sent);
    assert_eq!(bench.taken(), [0]);
    bench.reader.pump_on();
    bench.round(Delivery::Sent);
    assert_eq!(bench.taken(), [0, 1]);
}

#[test]
fn one_that_refuses_holds_nobody_up() {
    let pump = Pump::default();
    let mut benches = [Bench::new(), Bench::new(), Bench::new()];
    for (number, bench) in benches.iter_mut().enumerate() {
        bench.reader.attach(pump.clone(), Arc::<Script>::clone(&bench.sink));
        let refuses = if number == 1 { Delivery::Refused } else { Delivery::Sent };
        *bench.sink.next.lock().unwrap() = refuses;
        bench.reader.pump_on();
        bench.offer();
    }
    assert_eq!(pump.go_round(2, || NOON), Next::Round, "a round has its end");
    assert_eq!(pump.go_round(2, || NOON), Next::Nothing);
    assert_eq!(benches.each_ref().map(|bench| bench.taken().len()), [1, 0, 1]);
}

#[test]
fn a_unit_that_goes_out_in_parts_goes_on_when_its_time_has_come() {
    let mut bench = Bench::new();
    bench.reader.pump_on();
    bench.offer();
    *bench.sink.next.lock().unwrap() = Delivery::Paced(PAUSE);
    assert_eq!(bench.pump.go_round(8, || NOON), Next::At(LATER));
    // What comes meanwhile does not overtake it.
    bench.offer();
    *bench.sink.next.lock().unwrap() = Delivery::Sent;
    assert_eq!(bench.pump.go_round(8, || NOON), Next::At(LATER));
    assert_eq!(bench.taken(), [0]);
    assert_eq!(bench.pump.go_round(0, || LATER), Next::Round);
    assert_eq!(bench.pump.go_round(8, || LATER), Next::Nothing);
    assert_eq!(bench.taken(), [0, 1]);
}

#[test]
fn who_is_in_the_middle_of_a_unit_goes_before_who_has_not_begun() {
    let pump = Pump::default();
    let mut benches = [Bench::new(), Bench::new(), Bench::new()];
    for bench in &mut benches {
        bench.reader.attach(pump.clone(), Arc::<Script>::clone(&bench.sink));
        *bench.sink.next.lock().unwrap() = Delivery::Paced(PAUSE);
        bench.reader.pump_on();
        bench.offer();
    }
    assert_eq!(pump.go_round(1, || NOON), Next::Round);
    for bench in &benches {
        *bench.sink.next.lock().unwrap() = Delivery::Sent;
    }
    benches[0].offer();
    assert_eq!(pump.go_round(1, || LATER), Next::Round);
    assert_eq!(benches.each_ref().map(|bench| bench.taken().len()), [2, 0, 0]);
    assert_eq!(pump.go_round(8, || LATER), Next::Nothing);
    assert_eq!(benches.each_ref().map(|bench| bench.taken().len()), [2, 1, 1]);
}

#[test]
fn what_is_left_of_a_unit_is_the_tasks_once_the_pump_is_off() {
    let mut bench = Bench::new();
    bench.reader.pump_on();
    bench.offer();
    *bench.sink.next.lock().unwrap() = Delivery::Paced(PAUSE);
    assert_eq!(bench.pump.go_round(8, || NOON), Next::At(LATER));
    bench.reader.pump_off();
    bench.offer();
    assert_eq!(bench.pump.go_round(8, || LATER), Next::Nothing);
    assert_eq!(bench.task(), Some(1));
    // And is not gone on with when it is on again.
    bench.reader.pump_on();
    bench.offer();
    *bench.sink.next.lock().unwrap() = Delivery::Sent;
    assert_eq!(bench.pump.go_round(8, || LATER), Next::Nothing);
    assert_eq!(bench.taken(), [0, 1, 2]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Offer,
    Round(Delivery),
    On,
    Off,
    Task,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Offer),
        2 => Just(Step::Round(Delivery::Sent)),
        1 => Just(Step::Round(Delivery::Begun)),
        1 => Just(Step::Round(Delivery::Paced(Duration::ZERO))),
        1 => Just(Step::Round(Delivery::Refused)),
        2 => Just(Step::On),
        1 => Just(Step::Off),
        1 => Just(Step::Task),
    ]
}

proptest! {
    #[test]
    fn every_unit_goes_one_way_once_and_in_order(steps in proptest::collection::vec(step(), 0..80)) {
        let mut bench = Bench::new();
        for step in steps {
            match step {
                Step::Offer => bench.offer(),
                Step::Round(delivery) => bench.round(delivery),
                Step::On => bench.reader.pump_on(),
                Step::Off => bench.reader.pump_off(),
                Step::Task => drop(bench.task()),
            }
        }
        bench.reader.pump_on();
        while bench.taken().len() < bench.offered.len() {
            let before = bench.taken().len();
            bench.round(Delivery::Sent);
            prop_assert!(bench.taken().len() > before, "what is queued is sent");
        }
        prop_assert_eq!(bench.taken(), bench.offered);
    }
}
