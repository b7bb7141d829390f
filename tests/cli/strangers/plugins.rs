//! Plugins of strangers, whose files attack whoever loads them, and copies of them with faults of every kind:
//! each is answered within 1 GiB, by no signal and no panic, and the next plugin of the same command is
//! served as ever.
//!
//! In: components written here as text. Out: nothing. What runs once it is loaded is in `hostile.rs` and
//! `zoo.rs` of `ts-plugin`.

use std::process::{Command, Output};

use ts_core::seed::SplitMix64;

use crate::{Host, hostile, repository};

/// A component of so many levels, each of which has ten of the level below: 797 bytes with eight levels.
fn explodes(levels: usize) -> Vec<u8> {
    let ten = |part: &str| format!("(instance (instantiate ${part}))").repeat(10);
    let mut text =
        format!("(component $c0 (core module $m) {})", ten("m").replace("(instance", "(core instance"));
    for level in 1..=levels {
        text += &format!("(component $c{level} {})", ten(&format!("c{}", level - 1)));
    }
    wat::parse_str(format!("(component {text} (instance (instantiate $c{levels})))")).unwrap()
}

/// A function of so many blocks within each other, each of which is left in fifty places with a thousand
/// values.
fn takes_memory(blocks: usize) -> Vec<u8> {
    let (types, values, drops) = ("i32 ".repeat(1000), "i32.const 0 ".repeat(1000), "drop ".repeat(1000));
    let begin = "block (type $t) ".repeat(blocks);
    let ends = ("local.get 0 br_if 0 ".repeat(50) + "end ").repeat(blocks);
    let function = format!("(func (export \"f\") (param i32) {begin} {values} {ends} {drops})");
    let module = format!("(type $t (func (result {types}))) {function}");
    wat::parse_str(format!("(component (core module {module}))")).unwrap()
}

/// A good plugin but for this many settings, all of them without a name.
fn has_settings(count: u32) -> Vec<u8> {
    let text =
        include_str!("../../../host/plugin/tests/guests/hostile.wat").replace("{grade}", "(i32.const 3072)");
    let none = r#""\00\00\00\00\00\00\00\00")"#;
    assert!(text.contains(none));
    let [a, b, ..] = count.to_le_bytes();
    wat::parse_str(text.replace(none, &format!(r#""\00\10\00\00\{a:02x}\{b:02x}\00\00")"#))).unwrap()
}

/// Checks plugins in one command, under 1 GiB of data and so much processor time for each of its processes.
fn check(host: &Host, files: &[String], seconds: u32) -> Output {
    let script = format!("ulimit -d 1048576; ulimit -t {seconds}; exec \"$0\" plugin check \"$@\"");
    let program = host.command(&[]).get_program().to_owned();
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program).args(files).current_dir(host.path("."));
    host.keeps(&mut command);
    // The allocator would set aside a gibibyte at once: 32 MiB in KiB.
    command.env("MIMALLOC_ARENA_RESERVE", "32768").output().unwrap()
}

/// The answer about one plugin, with a good one after it that must run.
fn answer(host: &Host, component: &[u8]) -> String {
    std::fs::write(host.path("stranger.wasm"), component).unwrap();
    let output = check(host, &["stranger.wasm".into(), repository("plugins/exact_grader.wasm")], 10);
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said} {told}");
    assert!(said.starts_with("exact_grader 0.1.0 runs on this host"), "{said} {told}");
    assert!(told.contains("error: of 2 plugins 1 do not run here: stranger.wasm"), "{told}");
    told.into_owned()
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_component_declares_is_counted_before_it_is_compiled() {
    let host = Host::with_own_cache();
    let told = answer(&host, &explodes(8));
    assert!(told.contains("has 1000000000 core instances, more than the limit of 64"), "{told}");
    assert!(
        told.contains(
            "hint: raise the limit `instances` if you trust it (in a recipe: `plugins.limits.instances`)"
        ),
        "{told}"
    );
    // 10^21 of them are more than numbers have room for.
    let told = answer(&host, &explodes(20));
    assert!(told.contains("more than the limit of"), "{told}");
    let nested = "(component ".repeat(30) + &")".repeat(30);
    let told = answer(&host, &wat::parse_str(nested).unwrap());
    assert!(told.contains("components within one another, more than the limit of 20"), "{told}");
    // Deeper than any stack: a type that is an instance with a type that is an instance.
    let mut types = vec![1];
    types.extend([0x42, 1, 1].repeat(1_000_000));
    let mut deep = b"\0asm\x0d\0\x01\0\x07".to_vec();
    deep.extend([
        0x81,
        0x80 | (types.len() >> 7) as u8 & 0x7f,
        0x80 | (types.len() >> 14) as u8 & 0x7f,
        (types.len() >> 21) as u8,
    ]);
    deep[9] = 0x80 | types.len() as u8 & 0x7f;
    deep.extend(types);
    let told = answer(&host, &deep);
    assert!(told.contains("types within one another, more than the limit of 20"), "{told}");
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_too_much_for_the_compiler_ends_the_compiler_alone() {
    let told = answer(&Host::with_own_cache(), &takes_memory(300));
    assert!(told.contains("MiB of memory to compile") || told.contains("ms of processor time"), "{told}");
    assert!(told.contains("hint: what may be taken grows with the code"), "{told}");
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_plugin_says_of_itself_is_bounded() {
    let host = Host::with_own_cache();
    let told = answer(&host, &has_settings(257));
    assert!(told.contains("describes itself wrongly: it has 257 settings, more than 256"), "{told}");
    let told = answer(&host, &has_settings(256));
    assert!(told.contains("setting `` is not lower case"), "{told}");
}

/// The next pseudo-random number.
fn next(rng: &mut SplitMix64) -> usize {
    rng.next_u64() as usize
}

/// A copy with one fault: a bit, a length, a part twice, a number that is larger than any.
fn mutate(component: &[u8], rng: &mut SplitMix64) -> Vec<u8> {
    let mut copy = component.to_vec();
    let (at, to) = (8 + next(rng) % (copy.len() - 8), 8 + next(rng) % (copy.len() - 8));
    let (from, to) = (at.min(to), at.max(to));
    match next(rng) % 5 {
        0 => copy[at] ^= 1 << (next(rng) % 8),
        1 => copy.truncate(at),
        2 => drop(copy.splice(from..from, component[from..to].iter().copied())),
        3 => drop(copy.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
        _ => copy[at] = next(rng) as u8,
    }
    copy
}

#[test]
#[cfg(target_os = "linux")]
fn copies_with_faults_are_answered_and_the_next_plugin_runs() {
    let host = Host::with_own_cache();
    let seeds = [
        (explodes(8), 60),
        (takes_memory(20), 20),
        (has_settings(257), 80),
        (hostile("(i32.const 3072)"), 80),
    ];
    let mut rng = SplitMix64::new(13);
    for (at, (seed, copies)) in seeds.iter().enumerate() {
        let mut files = Vec::new();
        for copy in 0..*copies {
            let name = format!("{at}-{copy}.wasm");
            std::fs::write(host.path(&name), mutate(seed, &mut rng)).unwrap();
            files.push(name);
        }
        files.push(repository("plugins/exact_grader.wasm"));
        let output = check(&host, &files, 100);
        let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.code().is_some(), "{at}: {told}");
        assert!(!told.contains("panicked") && !told.contains("the compiler ended"), "{at}: {told}");
        assert!(said.contains("exact_grader 0.1.0 runs on this host"), "{at}: {said} {told}");
    }
}
