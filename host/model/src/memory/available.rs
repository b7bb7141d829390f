//! What memory there is for a process: the least that a limit of the process, its control group and the machine leave it.
//!
//! In: Linux's `/proc` and `/sys/fs/cgroup`. Out: bytes of private memory that the process may have in all, with what it has
//! already, or nothing where the system does not say. Private memory is what a process wrote itself; files that it maps can be
//! read again and do not count.
//!
//! Where several limits hold, the narrowest counts. What others take changes from one moment to the next, so this is an estimate.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Device;

use crate::device::free_memory;

/// Address space that a thread takes for its stack and cannot give to anything else.
const STACK_BYTES: u64 = 2 << 20;

/// What sets the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A limit of the process, as `ulimit -v` and `ulimit -d` set it.
    Process,
    /// That of the control group, as container runtimes and batch systems set it.
    ControlGroup,
    /// The machine's memory and swap space, as far as they are free.
    Machine,
    /// The memory of a GPU, as far as it is free.
    Gpu,
}

impl Bound {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "this process's limit (ulimit)",
            Self::ControlGroup => "the control group's limit",
            Self::Machine => "the machine's free memory",
            Self::Gpu => "the GPU's free memory",
        }
    }
}

/// Memory that a process may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// Bytes of private memory in all, what it has already among them.
    pub bytes: u64,
    /// What sets this bound.
    pub bound: Bound,
}

impl Available {
    /// What this process may have now; none where the system does not say.
    pub fn now() -> Option<Self> {
        let read = |path: &str| fs::read_to_string(path).ok();
        let status = Status::parse(&read("/proc/self/status")?)?;
        let bounds = [
            (Bound::Process, read("/proc/self/limits").and_then(|limits| of_process(&limits, &status))),
            (Bound::ControlGroup, read("/proc/self/cgroup").and_then(|groups| of_groups(&groups, &status))),
            (Bound::Machine, read("/proc/meminfo").and_then(|machine| of_machine(&machine, &status))),
        ];
        let known = bounds.into_iter().filter_map(|(bound, bytes)| Some(Self { bytes: bytes?, bound }));
        known.min_by_key(|available| available.bytes)
    }

    /// What is free on a GPU now; none for the CPU.
    pub fn on_gpu(device: &Device) -> Option<Self> {
        Some(Self { bytes: free_memory(device)?, bound: Bound::Gpu })
    }

    /// Bytes of private memory that this process has now; none where the system does not say.
    pub fn taken() -> Option<u64> {
        Some(Status::parse(&fs::read_to_string("/proc/self/status").ok()?)?.private)
    }
}

/// What `/proc/self/status` says, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Status {
    /// Mapped address space.
    mapped: u64,
    /// Address space that may be written and is nobody else's.
    writable: u64,
    /// Memory that was written.
    private: u64,
    threads: u64,
}

impl Status {
    fn parse(text: &str) -> Option<Self> {
        Some(Self {
            mapped: kib(text, "VmSize:")?,
            writable: kib(text, "VmData:")?,
            private: kib(text, "RssAnon:")?,
            threads: field(text, "Threads:")?,
        })
    }
}

/// The number after a name at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kib(text: &str, name: &str) -> Option<u64> {
    Some(field(text, name)?.saturating_mul(1024))
}

/// What the limits of address space leave: what can be written already, with what is not mapped yet. `limits` is
/// `/proc/self/limits`.
fn of_process(limits: &str, status: &Status) -> Option<u64> {
    let stacks = status.threads.saturating_mul(STACK_BYTES);
    let fixed = status.mapped.saturating_sub(status.writable);
    let of = |name: &str, other: u64| Some(field(limits, name)?.saturating_sub(other).saturating_sub(stacks));
    // A name with `unlimited` behind it has no number.
    let all = [of("Max address space", fixed), of("Max data size", 0)];
    all.into_iter().flatten().min()
}

/// What is free of the machine's memory, with what the process has of it. `machine` is `/proc/meminfo`.
fn of_machine(machine: &str, status: &Status) -> Option<u64> {
    let free = kib(machine, "MemAvailable:")?.saturating_add(kib(machine, "SwapFree:").unwrap_or(0));
    Some(free.saturating_add(status.private))
}

/// What the control groups leave. `groups` is `/proc/self/cgroup`.
fn of_groups(groups: &str, status: &Status) -> Option<u64> {
    let of = |line: &str| {
        let (hierarchy, path) = line.split_once(':')?.1.split_once(':')?;
        match hierarchy {
            "" => of_group(Path::new("/sys/fs/cgroup"), path, &VERSION_2),
            _ if hierarchy.split(',').any(|name| name == "memory") => {
                of_group(Path::new("/sys/fs/cgroup/memory"), path, &VERSION_1)
            }
            _ => None,
        }
    };
    Some(groups.lines().filter_map(of).min()?.saturating_add(status.private))
}

/// The names of a group's files.
struct Files {
    limit: &'static str,
    used: &'static str,
    /// In `memory.stat`: files that were read and can go.
    files: &'static str,
}

const VERSION_1: Files =
    Files { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", files: "total_inactive_file " };
const VERSION_2: Files = Files { limit: "memory.max", used: "memory.current", files: "inactive_file " };

/// The least that a group and those above it have left; none without a limit.
fn of_group(root: &Path, path: &str, files: &Files) -> Option<u64> {
    let group = root.join(path.trim_start_matches('/'));
    let read = |folder: &Path, name: &str| fs::read_to_string(folder.join(name)).ok();
    let left = |folder: PathBuf| {
        let limit: u64 = read(&folder, files.limit)?.trim().parse().ok()?;
        let used: u64 = read(&folder, files.used)?.trim().parse().ok()?;
        let files = read(&folder, "memory.stat").and_then(|stat| field(&stat, files.files)).unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(files)))
    };
    group
        .ancestors()
        .take_while(|folder| folder.starts_with(root))
        .filter_map(|folder| left(folder.to_owned()))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: Status = Status { mapped: 1000 << 20, writable: 600 << 20, private: 100 << 20, threads: 3 };

    #[test]
    fn the_status_of_a_process_is_read() {
        let text = "Name:\tx\nVmPeak:\t  9 kB\nVmSize:\t 1024000 kB\nVmData:\t  614400 kB\nRssAnon:\t  102400 kB\nThreads:\t3\n";
        assert_eq!(Status::parse(text), Some(STATUS));
        assert_eq!(Status::parse("VmSize:\t1 kB\n"), None);
    }

    #[test]
    fn limits_of_the_process_by_hand() {
        let line = |name: &str, limit: &str| format!("{name:<26}{limit:<21}unlimited            bytes\n");
        let of = |address: &str, data: &str| {
            of_process(&(line("Max data size", data) + &line("Max address space", address)), &STATUS)
        };
        let (two_gib, stacks) = ((2_u64 << 30).to_string(), 6 << 20);
        // 400 MiB are mapped and cannot be written.
        assert_eq!(of(&two_gib, "unlimited"), Some((2 << 30) - (400 << 20) - stacks));
        assert_eq!(of("unlimited", &two_gib), Some((2 << 30) - stacks));
        assert_eq!(of(&two_gib, "12345678"), Some(12_345_678 - stacks));
        assert_eq!(of("1000", "unlimited"), Some(0));
        assert_eq!(of("unlimited", "unlimited"), None);
    }

    #[test]
    fn the_machine_s_memory_by_hand() {
        let text = "MemTotal: 9000 kB\nMemAvailable:  2048 kB\nSwapFree:  1024 kB\n";
        assert_eq!(of_machine(text, &STATUS), Some((3 << 20) + (100 << 20)));
        assert_eq!(of_machine("MemTotal: 9000 kB\n", &STATUS), None);
    }

    #[test]
    fn the_narrowest_of_nested_groups_counts() {
        let root = tempfile::tempdir().unwrap();
        let group = |path: &str, limit: &str, used: &str, stat: &str| {
            let folder = root.path().join(path);
            fs::create_dir_all(&folder).unwrap();
            for (name, text) in [("memory.max", limit), ("memory.current", used), ("memory.stat", stat)] {
                fs::write(folder.join(name), text).unwrap();
            }
        };
        group("", "max\n", "999\n", "");
        group("job", "5000\n", "3000\n", "anon 1\ninactive_file 500\n");
        group("job/step", "max\n", "10\n", "");
        let left = |path: &str| of_group(root.path(), path, &VERSION_2);
        assert_eq!((left("/job/step"), left("/job"), left("/")), (Some(2500), Some(2500), None));
        group("job/step", "600\n", "900\n", "inactive_file 100\n");
        assert_eq!(left("/job/step"), Some(0));
        // A path from outside of the container: what can be seen counts.
        assert_eq!(left("/job/elsewhere/deep"), Some(2500));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_some_memory_and_may_have_more() {
        let (available, taken) = (Available::now().unwrap(), Available::taken().unwrap());
        assert!(taken > 0 && available.bytes >= taken, "{available:?}, {taken}");
    }
}
