//! What a program, and a plugin of any other role, sees of the world: WASI with nothing in it.
//!
//! In: a program's standard input, how much of its output is kept, and the program that it converses with,
//! if there is one; of a plugin, how much it may say. Out: a WASI context without files, network, arguments and
//! environment, whose random numbers are the same in every run and whose clock is the run's own: it begins at one
//! date, moves on by a microsecond at each look and by as long as the guest sleeps, and nobody waits. A program's standard
//! input and output are also those of the contract's `stdio`; what a plugin writes goes to its log.
//!
//! Languages bring runtimes that ask for WASI and need none of it: to write a last message, to look for a folder that is not
//! there. They are answered, so that a plugin in any of them is loaded as its compiler made it, and its traceback is read.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rand_core::TryRng;
use ts_core::seed::SplitMix64;
use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, InputStream, OutputStream, Pollable, StreamError, subscribe};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
    async_trait,
};

use crate::contract::bindings::ts_host::plugin::stdio::{self, Host};
use crate::contract::version::Version;
use crate::programs::conversation::End;

/// The date that every program finds, in seconds after 1970: 2025-01-01.
const EPOCH_SECONDS: u64 = 1_735_689_600;
/// By how much a look at the clock moves it on, nanoseconds.
const TICK_NS: u64 = 1_000;
/// Bytes that a program can write, kept or not.
const MOST_WRITTEN: u64 = 256 << 20;
/// Most streams, waits and other things of the host that a plugin holds at once. Programs may hold more.
const MOST_RESOURCES: usize = 10_000;
/// After so many bytes random numbers repeat themselves.
const RANDOM_BYTES: usize = 1 << 16;

/// The world of one guest.
pub(crate) struct Sandbox {
    wasi: WasiCtx,
    table: ResourceTable,
    clock: Clock,
    random: [Random; 2],
    stdio: Stdio,
    /// What a plugin writes to standard error. A program's is dropped.
    errors: Option<Output>,
}

impl Sandbox {
    /// A world with this input, in which `output_bytes` of output are kept and sleep of more than `time_ms`
    /// in all does not end. With a conversation, the program reads on and is read there.
    pub(crate) fn new(input: &str, output_bytes: usize, time_ms: u32, conversation: Option<End>) -> Self {
        let conversation = conversation.map(Arc::new);
        let stdio = Stdio {
            input: Input::new(input, conversation.clone()),
            output: Output::new(output_bytes, conversation),
        };
        Self::with(stdio, u64::from(time_ms) * 1_000_000, None)
    }

    /// The world of a plugin of another role, in which so many bytes of each stream are kept for its log. It may sleep: its
    /// clock moves on.
    pub(crate) fn of_plugin(output_bytes: usize) -> Self {
        let stdio = Stdio { input: Input::new("", None), output: Output::new(output_bytes, None) };
        let mut sandbox = Self::with(stdio, u64::MAX / 4, Some(Output::new(output_bytes, None)));
        sandbox.table.set_max_capacity(MOST_RESOURCES);
        sandbox
    }

    fn with(stdio: Stdio, slept_most: u64, errors: Option<Output>) -> Self {
        let clock = Clock { slept_most, ..Clock::default() };
        let random = [Random::new(0), Random::new(1)];
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdin(stdio.input.clone())
            .stdout(stdio.output.clone())
            .wall_clock(clock.clone())
            .monotonic_clock(clock.clone())
            .secure_random(random[0].clone())
            .insecure_random(random[1].clone())
            .insecure_random_seed(0)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        if let Some(errors) = &errors {
            wasi.stderr(errors.clone());
        }
        Self { wasi: wasi.build(), table: ResourceTable::new(), clock, random, stdio, errors }
    }

    /// Whether it is a plugin's, and not a program's.
    pub(crate) fn is_of_plugin(&self) -> bool {
        self.errors.is_some()
    }

    /// Begins the world anew for a call, as far as a guest can look: the same date, the same random numbers.
    pub(crate) fn start_call(&mut self) {
        self.clock.restart();
        self.random.iter().for_each(Random::restart);
        self.take_written();
    }

    /// What a plugin wrote since it was last taken: to standard output, and to standard error.
    pub(crate) fn take_written(&mut self) -> [String; 2] {
        let take = |output: &Output| String::from_utf8_lossy(&output.lock().take().bytes).into_owned();
        [take(&self.stdio.output), self.errors.as_ref().map(take).unwrap_or_default()]
    }

    /// What a plugin wrote to standard error, which stays there.
    pub(crate) fn last_words(&self) -> String {
        let written = self.errors.as_ref().map(|errors| errors.lock().bytes.clone());
        String::from_utf8_lossy(&written.unwrap_or_default()).into_owned()
    }

    /// What its WASI works on.
    pub(crate) fn wasi(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }

    /// What the program wrote, and whether it wrote more.
    pub(crate) fn into_output(self) -> (Vec<u8>, bool) {
        let Written { bytes, cut, .. } = self.stdio.output.lock().take();
        (bytes, cut)
    }
}

/// A world for a runner that is asked something else than to run a program.
impl Default for Sandbox {
    fn default() -> Self {
        Self::new("", 0, 0, None)
    }
}

/// What keeps a sandbox for a guest.
pub(crate) trait HasSandbox: WasiView + 'static {
    /// The guest's.
    fn sandbox(&mut self) -> &mut Sandbox;
}

/// Gives a linker WASI.
pub(crate) fn add_wasi<T: HasSandbox>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<T, Clocks>(linker, |state| {
        let sandbox = state.sandbox();
        ClockView { clock: &sandbox.clock, table: &mut sandbox.table }
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Gives a linker `stdio`, under its name in each version of the contract that has it: the types are the same.
pub(crate) fn add_stdio<T: HasSandbox>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    Version::WITH_PROGRAMS.iter().filter(|version| **version != Version::NEWEST).try_for_each(|version| {
        let mut older = linker.instance(&format!("ts-host:plugin/stdio@{version}"))?;
        older.func_wrap("read", |mut store: StoreContextMut<'_, T>, (most,): (u32,)| {
            Ok((store.data_mut().sandbox().stdio.read(most)?,))
        })?;
        older.func_wrap("write", |mut store: StoreContextMut<'_, T>, (bytes,): (Vec<u8>,)| {
            store.data_mut().sandbox().stdio.write(bytes)
        })
    })?;
    stdio::add_to_linker::<T, Streams>(linker, |state| &mut state.sandbox().stdio)
}

/// Bytes that look random, the same every time.
#[derive(Clone)]
struct Random {
    bytes: &'static [u8],
    /// How many were taken.
    taken: Arc<AtomicUsize>,
}

impl Random {
    /// One of two sequences.
    fn new(which: usize) -> Self {
        static BYTES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
            [1, 2].map(|seed| {
                let mut words = SplitMix64::new(seed);
                let words = std::iter::repeat_with(|| words.next_u64()).take(RANDOM_BYTES / 8);
                words.flat_map(u64::to_le_bytes).collect()
            })
        });
        Self { bytes: &BYTES[which], taken: Arc::default() }
    }

    /// Begins at the first byte again.
    fn restart(&self) {
        self.taken.store(0, Ordering::Relaxed);
    }

    fn fill(&self, bytes: &mut [u8]) {
        let from = self.taken.fetch_add(bytes.len(), Ordering::Relaxed);
        let sequence = self.bytes.iter().cycle().skip(from % RANDOM_BYTES);
        bytes.iter_mut().zip(sequence).for_each(|(byte, random)| *byte = *random);
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

/// The clock of one run, shared by what reads it.
#[derive(Debug, Clone, Default)]
struct Clock {
    now_ns: Arc<AtomicU64>,
    slept_ns: Arc<AtomicU64>,
    slept_most: u64,
}

impl Clock {
    /// Begins at the first date again.
    fn restart(&self) {
        self.now_ns.store(0, Ordering::Relaxed);
        self.slept_ns.store(0, Ordering::Relaxed);
    }

    fn read_ns(&self) -> u64 {
        self.now_ns.fetch_add(TICK_NS, Ordering::Relaxed)
    }

    /// Moves the clock on. A program that sleeps for longer than it may take is out of time, as if it had
    /// worked.
    fn sleep(&self, ns: u64) -> wasmtime::Result<()> {
        let before = self.slept_ns.fetch_add(ns.min(u64::MAX / 4), Ordering::Relaxed);
        if before.saturating_add(ns) > self.slept_most {
            return Err(wasmtime::Trap::OutOfFuel.into());
        }
        self.now_ns.fetch_add(ns, Ordering::Relaxed);
        Ok(())
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        TICK_NS
    }

    fn now(&self) -> u64 {
        self.read_ns()
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(TICK_NS)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(EPOCH_SECONDS) + Duration::from_nanos(self.read_ns())
    }
}

struct Clocks;

impl HasData for Clocks {
    type Data<'a> = ClockView<'a>;
}

struct ClockView<'a> {
    clock: &'a Clock,
    table: &'a mut ResourceTable,
}

impl monotonic_clock::Host for ClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock.read_ns())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(TICK_NS)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_duration(when.saturating_sub(self.clock.read_ns()))
    }

    fn subscribe_duration(&mut self, ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.clock.sleep(ns)?;
        let over = self.table.push(Over)?;
        subscribe(self.table, over)
    }
}

/// A wait that is over.
struct Over;

#[async_trait]
impl Pollable for Over {
    async fn ready(&mut self) {}
}

struct Stdio {
    input: Input,
    output: Output,
}

struct Streams;

impl HasData for Streams {
    type Data<'a> = &'a mut Stdio;
}

impl Host for Stdio {
    fn read(&mut self, most: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(self.input.take(most as usize).to_vec())
    }

    fn write(&mut self, bytes: Vec<u8>) -> wasmtime::Result<()> {
        self.output.push(&bytes)
    }
}

/// What the program was given to read, and then what it is told.
#[derive(Clone)]
struct Input {
    given: Arc<Mutex<Bytes>>,
    conversation: Option<Arc<End>>,
}

impl Input {
    fn new(given: &str, conversation: Option<Arc<End>>) -> Self {
        Self { given: Arc::new(Mutex::new(Bytes::copy_from_slice(given.as_bytes()))), conversation }
    }

    /// At most so many bytes; none at the end.
    fn take(&self, most: usize) -> Bytes {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if most == 0 || !given.is_empty() {
            let there = given.len().min(most);
            return given.split_to(there);
        }
        self.conversation.as_ref().map(|with| with.read(most).into()).unwrap_or_default()
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Input {
    /// Waits, if it must, where it is: the thread is the program's own.
    fn read(&mut self, most: usize) -> Result<Bytes, StreamError> {
        let bytes = self.take(most);
        if bytes.is_empty() && most > 0 { Err(StreamError::Closed) } else { Ok(bytes) }
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Input {
    /// Never asked for: a host without asynchronous calls takes the stream below.
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncRead + Send + Sync> {
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

/// Output up to a limit; what comes after it is dropped, and the program is not told.
#[derive(Clone)]
struct Output {
    written: Arc<Mutex<Written>>,
    most: usize,
    conversation: Option<Arc<End>>,
}

/// What a program wrote.
#[derive(Default)]
struct Written {
    /// What is kept of it.
    bytes: Vec<u8>,
    /// Bytes in all.
    in_all: u64,
    cut: bool,
}

impl Written {
    /// What was written, of which nothing is left: there is room again.
    fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

impl Output {
    fn new(most: usize, conversation: Option<Arc<End>>) -> Self {
        Self { written: Arc::default(), most, conversation }
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what there is room for. Writing costs fuel in the guest alone, so that a program that writes
    /// without end is stopped here: it is out of time.
    fn push(&self, bytes: &[u8]) -> wasmtime::Result<()> {
        let mut written = self.lock();
        written.in_all += bytes.len() as u64;
        if written.in_all > MOST_WRITTEN {
            return Err(wasmtime::Trap::OutOfFuel.into());
        }
        let room = self.most - written.bytes.len();
        written.cut |= bytes.len() > room;
        let bytes = &bytes[..bytes.len().min(room)];
        written.bytes.extend_from_slice(bytes);
        if let Some(with) = &self.conversation {
            with.write(bytes);
        }
        Ok(())
    }
}

/// What a program can write at a time: more than is ever kept, since some C libraries lose what is over.
pub(crate) const WRITE_BYTES: usize = (64 << 20) + 1;

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.push(&bytes).map_err(StreamError::Trap)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(WRITE_BYTES)
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    /// Never asked for: a host without asynchronous calls takes the stream below.
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_cut_and_says_so() {
        let sandbox = Sandbox::new("", 5, 0, None);
        sandbox.stdio.output.push(b"abc").unwrap();
        assert!(!sandbox.stdio.output.lock().cut);
        sandbox.stdio.output.push(b"def").unwrap();
        sandbox.stdio.output.push(b"g").unwrap();
        assert_eq!(sandbox.into_output(), (b"abcde".to_vec(), true));
    }

    #[test]
    fn the_clock_moves_on_by_looks_and_sleep_and_too_much_sleep_is_out_of_time() {
        let clock = Clock { slept_most: 2_000_000, ..Clock::default() };
        assert_eq!((clock.read_ns(), clock.read_ns()), (0, TICK_NS));
        clock.sleep(1_500_000).unwrap();
        assert_eq!(clock.read_ns(), 1_502_000);
        let error = clock.sleep(600_000).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&wasmtime::Trap::OutOfFuel));
    }

    #[test]
    fn random_bytes_are_the_same_in_every_run_and_not_alike() {
        let mut bytes = [[0_u8; 64]; 3];
        for (bytes, which) in bytes.iter_mut().zip([0, 0, 1]) {
            Random::new(which).fill(bytes);
        }
        assert_eq!(bytes[0], bytes[1]);
        assert_ne!(bytes[0], bytes[2]);
        let random = Random::new(0);
        let (mut first, mut second) = ([0; 40], [0; 24]);
        random.fill(&mut first);
        random.fill(&mut second);
        assert_eq!([&first[..], &second].concat(), bytes[0]);
        random.restart();
        random.fill(&mut second);
        assert_eq!(second, bytes[0][..24]);
    }
}
