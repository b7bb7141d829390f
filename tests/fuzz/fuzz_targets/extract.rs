//! Extraction: whatever the text, places lie inside it, on character boundaries, in order; and a text in a
//! box is found whole.

#![no_main]

use std::ops::Range;

use libfuzzer_sys::fuzz_target;

fn check(text: &str, places: &[Range<usize>]) {
    assert!(!places.is_empty());
    let mut end = 0;
    for place in places {
        assert!(place.start >= end && place.start < place.end, "{places:?}");
        assert!(text.get(place.clone()).is_some(), "{places:?}");
        end = place.end;
    }
}

fuzz_target!(|text: &str| {
    if let Some(found) = ts_extract::answer(text) {
        check(text, &found.places);
    }
    if let Some(found) = ts_extract::boxed(text) {
        check(text, &found.places);
    }
    for last in ['D', 'J', 'Z'] {
        if let Some(choice) = ts_extract::choice(text, last) {
            check(text, &[choice.place]);
            assert!(('A'..=last).contains(&choice.letter));
        }
    }
    if !text.trim().is_empty() && !text.contains(['{', '}', '\\', '<', '$']) {
        let response = format!("\\boxed{{{text}}}");
        let found = ts_extract::answer(&response).map(|found| found.places);
        let texts: Vec<&str> = found.iter().flatten().map(|place| response[place.clone()].trim()).collect();
        assert_eq!(texts, [text.trim()]);
    }
});
