//! What claims are worth, and what becomes of accounts that are replaced.

use super::*;
use crate::LONGEST_DELAY;
use crate::secret::tests::COMPUTED;

const NONCE: &str = "0123";
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 9));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 2, 0, 9));

fn vms() -> Reader {
    let name: ReaderName = "vms".parse().unwrap();
    Reader {
        secret: Secret::of_password(&name, &"right".to_owned().into(), [1; 16]).unwrap(),
        name,
        mounts: vec!["lobby/*".parse().unwrap(), "yard/sub".parse().unwrap()],
        networks: vec!["10.1.0.0/16".parse().unwrap()],
        transports: [TransportKind::Tcp].into_iter().collect(),
        certificates: vec![vec![1, 2, 3]],
    }
}

fn accounts() -> Accounts {
    Accounts::new(vec![vms()], [2; 32]).unwrap()
}

fn claim(name: &str, password: &str, nonce: &str) -> DigestClaim {
    let mut claim = DigestClaim {
        username: name.into(),
        nonce: nonce.into(),
        uri: "rtsp://gw/lobby/main".into(),
        response: [0; 16],
        qop: None,
    };
    let ha1 = crate::digest::ha1(name, crate::REALM, password);
    claim.response = crate::digest::expected(&ha1, "DESCRIBE", &claim);
    claim
}

#[test]
fn each_claim_is_worth_what_it_proves() {
    let (accounts, now) = (accounts(), Instant::now());
    let judge = |claim: &DigestClaim, method: &str, from: IpAddr| match accounts
        .judge_digest(claim, method, NONCE, from, now)
    {
        Judgement::Granted(reader) => Ok(reader.name.to_string()),
        Judgement::Stale => Err(("stale", false)),
        Judgement::Refused { reader, reason } => Err((reason.label(), reader.is_some())),
    };
    let right = claim("vms", "right", NONCE);
    assert_eq!(judge(&right, "DESCRIBE", HERE), Ok("vms".into()));
    assert_eq!(judge(&right, "SETUP", HERE), Err(("password", true)));
    assert_eq!(judge(&right, "DESCRIBE", ELSEWHERE), Err(("network", true)));
    let wrong = claim("vms", "wrong", NONCE);
    assert_eq!(judge(&wrong, "DESCRIBE", HERE), Err(("password", true)));
    let stranger = claim("VMS", "right", NONCE);
    assert_eq!(judge(&stranger, "DESCRIBE", HERE), Err(("unknown", false)));
    for password in ["right", "wrong"] {
        let foreign = claim("vms", password, "4567");
        assert_eq!(judge(&foreign, "DESCRIBE", HERE), Err(("stale", false)), "{password}");
    }
    // The decoy's is a name like any other.
    assert_eq!(judge(&claim("decoy", "", NONCE), "DESCRIBE", HERE), Err(("unknown", false)));
}

#[test]
fn failures_delay_names_that_exist_and_that_do_not_alike_and_success_ends_it() {
    let (accounts, now) = (accounts(), Instant::now());
    for name in ["vms", "nobody"] {
        let delays: Vec<Duration> = (0..8)
            .map(|_| {
                let wrong = claim(name, "wrong", NONCE);
                accounts.judge_digest(&wrong, "DESCRIBE", NONCE, HERE, now);
                accounts.delay(&Claim::Digest(wrong), HERE, now)
            })
            .collect();
        assert_eq!(delays.first(), Some(&Duration::ZERO), "{name}: one mistake is free");
        assert_eq!(delays.last(), Some(&LONGEST_DELAY), "{name}");
    }
    let right = claim("vms", "right", NONCE);
    let judged = accounts.judge_digest(&right, "DESCRIBE", NONCE, HERE, now);
    assert!(matches!(judged, Judgement::Granted(_)), "no lock-out");
    assert!(accounts.delay(&Claim::Digest(right), HERE, now).is_zero());
}

#[test]
fn a_password_in_clear_is_judged_like_a_digest() {
    let (accounts, now) = (accounts(), Instant::now());
    for (name, password, from, expected) in [
        ("vms", "right", HERE, None),
        ("vms", "right", ELSEWHERE, Some(Refusal::Network)),
        ("vms", "wrong", HERE, Some(Refusal::Password)),
        ("nobody", "right", HERE, Some(Refusal::Unknown)),
    ] {
        let claim = BasicClaim { username: name.into(), password: password.to_owned().into() };
        let check = accounts.password_check(&claim);
        let reason = match accounts.judge_password(&check, check.run(), from, now) {
            Judgement::Granted(_) => None,
            Judgement::Refused { reason, .. } => Some(reason),
            Judgement::Stale => panic!("stale"),
        };
        assert_eq!(reason, expected, "{name} {password}");
    }
}

/// Time cannot be tested; what takes it can be counted.
#[test]
fn a_name_that_does_not_exist_costs_what_a_wrong_password_costs() {
    let computed = |work: &dyn Fn()| {
        let before = COMPUTED.get();
        work();
        (COMPUTED.get().0 - before.0, COMPUTED.get().1 - before.1)
    };
    let (accounts, now) = (accounts(), Instant::now());
    for name in ["vms", "nobody", "decoy"] {
        for password in ["right", "wrong"] {
            let digest = claim(name, password, NONCE);
            let judge = || drop(accounts.judge_digest(&digest, "DESCRIBE", NONCE, HERE, now));
            assert_eq!(computed(&judge), (1, 0), "{name} {password}");
            let basic = BasicClaim { username: name.into(), password: password.to_owned().into() };
            let judge = || {
                let check = accounts.password_check(&basic);
                drop(accounts.judge_password(&check, check.run(), HERE, now));
            };
            assert_eq!(computed(&judge), (0, 1), "{name} {password}");
        }
    }
    // And the same parameters: a hash that is cheaper would tell as well.
    let cost = |secret: &Secret| secret.cost();
    assert_eq!(cost(&accounts.decoy), cost(&accounts.of("vms").unwrap().secret));
}

#[test]
fn a_certificate_is_its_readers() {
    let accounts = accounts();
    assert_eq!(accounts.certificates(), [[1, 2, 3]]);
    let judge = |certificate: &[u8], from| accounts.judge_certificate(certificate, from);
    assert!(matches!(judge(&[1, 2, 3], HERE), Judgement::Granted(_)));
    let refused = judge(&[1, 2, 3], ELSEWHERE);
    assert!(matches!(refused, Judgement::Refused { reason: Refusal::Network, .. }));
    let unknown = judge(&[1, 2], HERE);
    assert!(matches!(unknown, Judgement::Refused { reason: Refusal::Unknown, .. }));
}

#[test]
fn stale_answers_cost_nothing() {
    let (accounts, now) = (accounts(), Instant::now());
    let foreign = claim("vms", "right", "old");
    for _ in 0..9 {
        accounts.judge_digest(&foreign, "DESCRIBE", NONCE, HERE, now);
    }
    assert!(accounts.delay(&Claim::Digest(foreign), HERE, now).is_zero());
}

#[test]
fn a_reader_may_what_its_account_says() {
    let accounts = accounts();
    let reader = accounts.of("vms").unwrap();
    assert!(reader.may_read("lobby/main") && reader.may_read("yard/sub"));
    assert!(!reader.may_read("yard/main") && !reader.may_read(""));
    assert!(reader.may_use(TransportKind::Tcp) && !reader.may_use(TransportKind::Udp));
}

#[test]
fn two_of_one_name_are_refused() {
    let reader = vms();
    let error = Accounts::new(vec![reader.clone(), reader], [0; 32]).unwrap_err();
    assert!(matches!(error, AccountsError::Duplicate(name) if name.as_str() == "vms"));
}

#[test]
fn replacing_tells_what_became_of_each_and_leaves_who_is_the_same() {
    let named = |name: &str| {
        let name: ReaderName = name.parse().unwrap();
        let secret = Secret::of_password(&name, &"right".to_owned().into(), [1; 16]).unwrap();
        let certificates = vec![name.as_str().into()];
        Reader { name, secret, certificates, ..vms() }
    };
    let stays = named("stays");
    let changed = named("changed");
    let accounts =
        Accounts::new(vec![stays.clone(), changed.clone(), named("goes")], [2; 32]).unwrap();
    let before = ["stays", "changed", "goes"].map(|name| accounts.of(name).unwrap());
    let changed = Reader { mounts: vec!["yard/*".parse().unwrap()], ..changed };
    let changes = accounts.replace(vec![stays, changed, named("comes")]).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let expected = AccountChanges {
        added: names(&["comes"]),
        changed: names(&["changed"]),
        removed: names(&["goes"]),
    };
    assert_eq!(changes, expected);
    assert_eq!(before.each_ref().map(|reader| accounts.is_current(reader)), [true, false, false]);
    assert!(accounts.is_current(&accounts.of("changed").unwrap()));
    assert!(accounts.of("changed").unwrap().may_read("yard/main"));
}

#[test]
fn whatever_differs_makes_another_account() {
    let password = |password: &str, salt: u8| {
        Secret::of_password(&vms().name, &password.to_owned().into(), [salt; 16]).unwrap()
    };
    let others = [
        Reader { secret: password("other", 1), ..vms() },
        Reader { secret: password("right", 2), ..vms() },
        Reader { mounts: vec!["lobby/*".parse().unwrap()], ..vms() },
        Reader { networks: Vec::new(), ..vms() },
        Reader { transports: [TransportKind::Udp].into_iter().collect(), ..vms() },
        Reader { certificates: Vec::new(), ..vms() },
    ];
    for (number, other) in others.into_iter().enumerate() {
        let accounts = accounts();
        let before = accounts.of("vms").unwrap();
        accounts.replace(vec![other]).unwrap();
        assert!(!accounts.is_current(&before), "{number}");
    }
}

#[test]
fn accounts_that_cannot_be_used_change_nothing() {
    let accounts = accounts();
    let before = accounts.of("vms").unwrap();
    assert!(accounts.replace(vec![vms(), vms()]).is_err());
    assert!(accounts.is_current(&before));
}

#[test]
fn a_password_that_was_being_checked_is_worth_nothing_once_its_account_is_gone() {
    let (accounts, now) = (accounts(), Instant::now());
    let password = || "right".to_owned().into();
    let check =
        accounts.password_check(&BasicClaim { username: "vms".into(), password: password() });
    assert!(check.run());
    accounts.replace(Vec::new()).unwrap();
    let judgement = accounts.judge_password(&check, true, HERE, now);
    assert!(matches!(judgement, Judgement::Refused { reader: None, reason: Refusal::Unknown }));
}

#[test]
fn replacing_accounts_forgives_nobody() {
    let (accounts, now) = (accounts(), Instant::now());
    let wrong = claim("vms", "wrong", NONCE);
    for _ in 0..4 {
        accounts.judge_digest(&wrong, "DESCRIBE", NONCE, HERE, now);
    }
    let delay = accounts.delay(&Claim::Digest(wrong.clone()), HERE, now);
    assert!(!delay.is_zero());
    accounts.replace(vec![vms()]).unwrap();
    assert_eq!(accounts.delay(&Claim::Digest(wrong), HERE, now), delay);
}

#[test]
fn a_certificate_belongs_to_one_account() {
    let name: ReaderName = "other".parse().unwrap();
    let other = Reader { name: name.clone(), ..vms() };
    let error = Accounts::new(vec![vms(), other], [0; 32]).unwrap_err();
    assert_eq!(error, AccountsError::Certificate(vms().name, name));
}
