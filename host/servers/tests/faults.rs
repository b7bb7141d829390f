//! Servers that fail, in every way on demand: every draw arrives once, and is the one that a server without faults gives.

use std::collections::HashMap;
use std::time::Duration;

use ts_servers::fleet::{Error, Fleet, Options};
use ts_servers::{Address, Completion, Content, Key, Prompt, Request};
use ts_stub_server::{Ask, Drawn, Fault, Kind, Stub, arbitrary};

const N_TOKENS: u32 = 500;
const END: u32 = 3;

fn draw(ask: &Ask) -> Drawn {
    arbitrary(ask, N_TOKENS, END)
}

fn options(stubs: &[&Stub]) -> Options {
    Options {
        addresses: stubs.iter().map(|stub| stub.url().parse::<Address>().expect("an address")).collect(),
        model: String::new(),
        key: None,
        concurrency: 16,
        timeout: Duration::from_secs(20),
        retries: 20,
        back_off: Duration::from_millis(2),
    }
}

/// Draws with seeds 0 to `n`, on as many threads as the fleet has room for.
fn draw_all(fleet: &Fleet, n: u64) -> HashMap<u64, Result<Completion, Error>> {
    let seeds = std::sync::Mutex::new(0..n);
    let drawn = std::sync::Mutex::new(HashMap::new());
    std::thread::scope(|scope| {
        for _ in 0..fleet.capacity() {
            scope.spawn(|| {
                while let Some(seed) = { seeds.lock().unwrap().next() } {
                    let prompt = Prompt { tokens: vec![seed as u32 % 7, 1, 2], text: None };
                    let completion = fleet.complete(&request(&prompt, seed));
                    assert!(drawn.lock().unwrap().insert(seed, completion).is_none(), "seed {seed} twice");
                }
            });
        }
    });
    drawn.into_inner().unwrap()
}

fn request(prompt: &Prompt, seed: u64) -> Request<'_> {
    Request {
        prompt,
        seed,
        temperature: 1.0,
        top_p: 1.0,
        max_tokens: 12,
        end: &[END],
        n_tokens: N_TOKENS as usize,
    }
}

#[test]
fn ten_thousand_draws_through_three_servers_two_of_which_fail_in_turn() {
    let faults = [
        Fault::Refuse,
        Fault::Half,
        Fault::Status(429, Some("0")),
        Fault::Status(429, None),
        Fault::Status(503, Some("1")),
        Fault::Status(500, None),
        Fault::WrongIds,
        Fault::Duplicate,
        Fault::Nonsense,
        Fault::Stall(Duration::from_millis(300)),
    ];
    // One fault after the other, and one server's between the other's.
    let failing = |offset: usize| {
        let faults = faults.clone();
        move |number: usize| match (number + offset) % 20 {
            0 => faults[number / 20 % faults.len()].clone(),
            _ => Fault::None,
        }
    };
    let healthy = Stub::start(Kind::Ids, draw, |_| Fault::None).unwrap();
    let expected = draw_all(&Fleet::new(options(&[&healthy])), 10_000);

    // Draws that take a while, so that a server that rests is missed.
    let slowly = |ask: &Ask| {
        std::thread::sleep(Duration::from_millis(4));
        draw(ask)
    };
    let stubs = [
        Stub::start(Kind::Ids, slowly, failing(0)).unwrap(),
        Stub::start(Kind::Ids, slowly, failing(10)).unwrap(),
        Stub::start(Kind::Ids, slowly, |_| Fault::None).unwrap(),
    ];
    let drawn = draw_all(&Fleet::new(options(&[&stubs[0], &stubs[1], &stubs[2]])), 10_000);
    assert_eq!(drawn.len(), 10_000);
    assert!(drawn == expected, "draws differ");
    let parts = stubs.each_ref().map(Stub::n_requests);
    assert!(parts.iter().all(|n| *n > 200), "each does its part: {parts:?}");
    // What was answered in full was not asked for again.
    let mut answered: HashMap<u64, usize> = HashMap::new();
    for stub in &stubs {
        for (seed, n) in stub.answered() {
            *answered.entry(seed).or_default() += n;
        }
    }
    assert!(answered.len() == 10_000 && answered.values().all(|n| *n == 1));
}

#[test]
fn a_server_that_comes_late_is_waited_for() {
    let stub = Stub::start(
        Kind::Ids,
        draw,
        |number| if number < 3 { Fault::Status(503, None) } else { Fault::None },
    );
    let stub = stub.unwrap();
    assert!(draw_all(&Fleet::new(options(&[&stub])), 20).values().all(Result::is_ok));
}

#[test]
fn a_server_that_stalls_is_left_when_time_is_up() {
    let slow = Stub::start(Kind::Ids, draw, |_| Fault::Stall(Duration::from_secs(60))).unwrap();
    let good = Stub::start(Kind::Ids, draw, |_| Fault::None).unwrap();
    let fleet = Fleet::new(Options { timeout: Duration::from_secs(2), ..options(&[&slow, &good]) });
    assert!(draw_all(&fleet, 40).values().all(Result::is_ok));
    assert!(good.answered().len() == 40);
}

#[test]
fn servers_that_are_all_down_are_given_up_and_named() {
    let down = Stub::start(Kind::Ids, draw, |_| Fault::Refuse).unwrap();
    let broken = Stub::start(Kind::Ids, draw, |_| Fault::Status(500, None)).unwrap();
    let fleet = Fleet::new(Options { retries: 2, ..options(&[&down, &broken]) });
    let outcomes = draw_all(&fleet, 50);
    let said: Vec<&Error> = outcomes.values().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(said.len(), 50);
    let reasons: Vec<_> = said.iter().filter(|error| ***error != Error::Closed).collect();
    let [Error::GaveUp { faults }] = reasons[..] else { panic!("{reasons:?}") };
    let faults = faults.join(" ");
    assert!(
        faults.contains(&down.url()) && faults.contains(&broken.url()) && faults.contains("500"),
        "{faults}"
    );
    let tried = [&down, &broken].map(Stub::n_requests);
    assert!(tried.iter().sum::<usize>() < 20, "{tried:?}");
}

#[test]
fn a_request_that_no_server_takes_ends_it_at_once() {
    let stub = Stub::start(Kind::Ids, draw, |_| Fault::Status(400, None)).unwrap();
    let outcomes = draw_all(&Fleet::new(options(&[&stub])), 50);
    let refusals = outcomes.values().filter(|outcome| matches!(outcome, Err(Error::Refused { .. }))).count();
    assert_eq!(refusals, 1);
    // Once in each dialect.
    assert!(stub.n_requests() <= 4, "{}", stub.n_requests());
}

#[test]
fn a_server_that_takes_text_alone_is_found_out_and_used() {
    let of_text = |ask: &Ask| {
        assert_eq!(ask.text.as_deref(), Some("a prompt"));
        Drawn { tokens: vec![5, END], text: format!("text {}", ask.seed), finished: true }
    };
    let stub = Stub::start(Kind::Text, of_text, |_| Fault::None).unwrap();
    let fleet = Fleet::new(options(&[&stub]));
    let prompt = Prompt { tokens: vec![1], text: Some("a prompt".to_owned()) };
    for seed in 0..3 {
        let completion = fleet.complete(&request(&prompt, seed)).unwrap();
        assert_eq!(completion.content, Content::Text(format!("text {seed}")));
    }
    // Three refusals, once.
    assert_eq!(stub.n_requests(), 6);
}

#[test]
fn a_key_is_sent_and_no_more_than_was_allowed_is_in_flight() {
    let slowly = |_| Fault::Stall(Duration::from_millis(5));
    let stub = Stub::start(Kind::Ids, draw, slowly).unwrap();
    let key = Key::new("sk-1");
    let fleet = Fleet::new(Options { key, concurrency: 4, ..options(&[&stub]) });
    assert!(draw_all(&fleet, 60).values().all(Result::is_ok));
    assert!(
        stub.authorizations().iter().all(|sent| sent == "Bearer sk-1") && stub.authorizations().len() >= 60
    );
    assert!((2..=4).contains(&stub.most_in_flight()), "{}", stub.most_in_flight());
}
