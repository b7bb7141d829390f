//! Faults at one system call of a process: it is killed before the call takes place, or the call is refused.
//!
//! The process is traced (ptrace), with its threads and children. Counted are the calls that change something
//! below one folder: files and folders made, written, renamed, removed, and brought to the disk. Call 1 is
//! the first of them.
//!
//! A process is traced by the thread that started it, so several threads can each trace one.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// What happens at a call.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// SIGKILL to everything that is traced, before the call takes place.
    Kill,
    /// The call does nothing and fails: the disk is full; where something is removed, the disk is broken.
    Refuse,
}

/// A call that changes something below the folder.
pub(crate) struct Call {
    /// The call's name.
    pub(crate) name: &'static str,
    /// What it changes, within the folder.
    pub(crate) path: PathBuf,
    /// Whether it failed. What was killed before its end counts as failed.
    pub(crate) failed: bool,
}

/// A process from its start to its end.
pub(crate) struct Trace {
    /// The calls that were counted, in order.
    pub(crate) calls: Vec<Call>,
    /// How the process ended.
    pub(crate) status: ExitStatus,
}

/// Whether processes may be traced here, and whether calls can be refused (Linux 6.16): the reason if not.
pub(crate) fn available(fault: Fault) -> std::result::Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("file");
    let mut touch = Command::new("touch");
    touch.arg(&file).stderr(Stdio::null());
    let trace = trace(&mut touch, file.parent().unwrap(), Some((1, fault)))
        .map_err(|error| format!("processes cannot be traced here: {error}"))?;
    match !trace.status.success() && !file.exists() {
        true => Ok(()),
        false => Err(String::from("a traced process did not meet its fault")),
    }
}

/// Runs a command to its end, with a fault at the n-th call that changes something below `folder`.
pub(crate) fn trace(command: &mut Command, folder: &Path, fault: Option<(usize, Fault)>) -> Result<Trace> {
    command.process_group(0);
    // SAFETY: one system call, which takes no lock and allocates nothing.
    unsafe { command.pre_exec(|| request(libc::PTRACE_TRACEME, 0, 0, 0).map(drop)) };
    let mut child = command.spawn()?;
    let main = child.id().cast_signed();
    let mut tracer =
        Tracer { folder, fault, main, known: HashSet::new(), pending: HashMap::new(), calls: Vec::new() };
    match tracer.run() {
        Ok(status) => Ok(Trace { calls: tracer.calls, status }),
        Err(error) => {
            let _ = child.kill();
            tracer.kill();
            while next_stop().is_ok() {}
            Err(error)
        }
    }
}

struct Tracer<'a> {
    folder: &'a Path,
    fault: Option<(usize, Fault)>,
    main: libc::pid_t,
    /// Threads that have stopped at least once.
    known: HashSet<libc::pid_t>,
    /// Threads within a counted call, and the call's index.
    pending: HashMap<libc::pid_t, usize>,
    calls: Vec<Call>,
}

impl Tracer<'_> {
    fn run(&mut self) -> Result<ExitStatus> {
        let mut status = None;
        loop {
            let (thread, stop) = match next_stop() {
                Ok(stop) => stop,
                Err(error) if error.raw_os_error() == Some(libc::ECHILD) => break,
                Err(error) => return Err(error),
            };
            if !libc::WIFSTOPPED(stop) {
                self.known.remove(&thread);
                if thread == self.main {
                    status = Some(ExitStatus::from_raw(stop));
                }
                continue;
            }
            let signal = self.stopped(thread, stop)?;
            // A thread that was killed meanwhile is gone.
            match request(libc::PTRACE_SYSCALL, thread, 0, signal as usize) {
                Err(error) if error.raw_os_error() != Some(libc::ESRCH) => return Err(error),
                _ => {}
            }
        }
        status.ok_or_else(|| Error::other("the process ended unseen"))
    }

    /// What a stop means. Returns the signal that the thread is to receive, or 0.
    fn stopped(&mut self, thread: libc::pid_t, stop: libc::c_int) -> Result<libc::c_int> {
        const SYSCALL: libc::c_int = libc::SIGTRAP | 0x80;
        const OPTIONS: libc::c_int = libc::PTRACE_O_TRACESYSGOOD
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACEEXEC
            | libc::PTRACE_O_EXITKILL;
        let first = self.known.insert(thread);
        match libc::WSTOPSIG(stop) {
            // The first stop of all comes of the program's start, that of a new thread or child of its being
            // traced.
            _ if first => {
                if thread == self.main {
                    request(libc::PTRACE_SETOPTIONS, thread, 0, OPTIONS as usize)?;
                }
                Ok(0)
            }
            SYSCALL => self.call(thread).map(|()| 0),
            _ if stop >> 16 != 0 => Ok(0),
            signal => Ok(signal),
        }
    }

    /// A thread at the entry to a system call, or at the exit from it.
    fn call(&mut self, thread: libc::pid_t) -> Result<()> {
        let Some(mut info) = Info::get(thread)? else { return Ok(()) };
        let at = |n: usize, fault| self.fault == Some((n, fault));
        match info.moment() {
            Moment::Entry { number, arguments } => {
                let Some((name, path)) = counted(thread, number, &arguments, self.folder) else {
                    return Ok(());
                };
                self.pending.insert(thread, self.calls.len());
                self.calls.push(Call { name, path, failed: true });
                if at(self.calls.len(), Fault::Kill) {
                    self.kill();
                } else if at(self.calls.len(), Fault::Refuse) {
                    info.skip(thread)?;
                }
            }
            Moment::Exit { failed } => {
                let Some(index) = self.pending.remove(&thread) else { return Ok(()) };
                self.calls[index].failed = failed;
                if at(index + 1, Fault::Refuse) {
                    let removes = matches!(self.calls[index].name, "unlink" | "unlinkat" | "rmdir");
                    self.calls[index].failed = true;
                    info.fail(thread, if removes { libc::EIO } else { libc::ENOSPC })?;
                }
            }
            Moment::Other => {}
        }
        Ok(())
    }

    fn kill(&self) {
        let targets = self.known.iter().copied().chain([-self.main]);
        for target in targets {
            // SAFETY: signals to our own children, which are not reaped before they have ended.
            unsafe { libc::kill(target, libc::SIGKILL) };
        }
    }
}

/// Where a call's arguments say what it changes.
enum Place {
    /// A path, in this argument.
    Path(usize),
    /// A path, relative to the folder in the argument before.
    At(usize),
    /// An open file, in this argument.
    Open(usize),
    /// A path to open, with flags in the argument after.
    Flags(usize),
    /// The same, relative to the folder in the argument before.
    FlagsAt(usize),
}

/// The calls that change something; a call that changes two places stands here twice. Only x86 has those
/// without `at`.
const CALLS: &[(libc::c_long, &str, Place)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, "open", Place::Flags(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, "creat", Place::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rename, "rename", Place::Path(1)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rename, "rename", Place::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_unlink, "unlink", Place::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rmdir, "rmdir", Place::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mkdir, "mkdir", Place::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_link, "link", Place::Path(1)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_symlink, "symlink", Place::Path(1)),
    (libc::SYS_openat, "openat", Place::FlagsAt(1)),
    (libc::SYS_renameat, "renameat", Place::At(3)),
    (libc::SYS_renameat, "renameat", Place::At(1)),
    (libc::SYS_renameat2, "renameat2", Place::At(3)),
    (libc::SYS_renameat2, "renameat2", Place::At(1)),
    (libc::SYS_unlinkat, "unlinkat", Place::At(1)),
    (libc::SYS_mkdirat, "mkdirat", Place::At(1)),
    (libc::SYS_linkat, "linkat", Place::At(3)),
    (libc::SYS_symlinkat, "symlinkat", Place::At(2)),
    (libc::SYS_truncate, "truncate", Place::Path(0)),
    (libc::SYS_ftruncate, "ftruncate", Place::Open(0)),
    (libc::SYS_fallocate, "fallocate", Place::Open(0)),
    (libc::SYS_write, "write", Place::Open(0)),
    (libc::SYS_writev, "writev", Place::Open(0)),
    (libc::SYS_pwrite64, "pwrite64", Place::Open(0)),
    (libc::SYS_pwritev, "pwritev", Place::Open(0)),
    (libc::SYS_pwritev2, "pwritev2", Place::Open(0)),
    (libc::SYS_sendfile, "sendfile", Place::Open(0)),
    (libc::SYS_splice, "splice", Place::Open(2)),
    (libc::SYS_copy_file_range, "copy_file_range", Place::Open(2)),
    (libc::SYS_fsync, "fsync", Place::Open(0)),
    (libc::SYS_fdatasync, "fdatasync", Place::Open(0)),
];

/// The call's name and what it changes within `folder`, or nothing if it changes nothing there.
fn counted(
    thread: libc::pid_t,
    number: u64,
    arguments: &[u64; 6],
    folder: &Path,
) -> Option<(&'static str, PathBuf)> {
    let calls = CALLS.iter().filter(|(call, ..)| *call as u64 == number);
    calls
        .filter_map(|(_, name, place)| Some((*name, place.path(thread, arguments)?)))
        .find_map(|(name, path)| path.strip_prefix(folder).ok().map(|path| (name, path.to_owned())))
}

impl Place {
    /// The path that a call with these arguments changes, or nothing if it only reads.
    fn path(&self, thread: libc::pid_t, arguments: &[u64; 6]) -> Option<PathBuf> {
        let process = PathBuf::from(format!("/proc/{thread}"));
        let descriptor = |index: usize| match arguments[index] as libc::c_int {
            libc::AT_FDCWD => process.join("cwd"),
            descriptor => process.join(format!("fd/{descriptor}")),
        };
        let writes = |index: usize| arguments[index] as libc::c_int & (libc::O_CREAT | libc::O_TRUNC) != 0;
        match *self {
            Self::Flags(index) | Self::FlagsAt(index) if !writes(index + 1) => None,
            Self::Open(index) => std::fs::read_link(descriptor(index)).ok(),
            Self::Path(index) | Self::Flags(index) => {
                Some(resolved(process.join("cwd"), &text(&process, arguments[index])?))
            }
            Self::At(index) | Self::FlagsAt(index) => {
                Some(resolved(descriptor(index - 1), &text(&process, arguments[index])?))
            }
        }
    }
}

/// A path of the process, absolute and without links in its folders; its last part may be a link, or not
/// exist.
fn resolved(base: PathBuf, path: &Path) -> PathBuf {
    let path = base.join(path);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return path };
    parent.canonicalize().map_or(path.clone(), |parent| parent.join(name))
}

/// A string in the memory of the process.
fn text(process: &Path, address: u64) -> Option<PathBuf> {
    let mut bytes = [0; libc::PATH_MAX as usize];
    let n = File::open(process.join("mem")).and_then(|memory| memory.read_at(&mut bytes, address)).ok()?;
    let end = bytes[..n].iter().position(|&byte| byte == 0)?;
    Some(PathBuf::from(OsStr::from_bytes(&bytes[..end])))
}

/// What the kernel says of a thread that stopped at a system call, alike on every processor.
struct Info(libc::ptrace_syscall_info);

enum Moment {
    Entry { number: u64, arguments: [u64; 6] },
    Exit { failed: bool },
    Other,
}

impl Info {
    /// Nothing if the thread was killed meanwhile.
    fn get(thread: libc::pid_t) -> Result<Option<Self>> {
        // SAFETY: the structure is made of integers, for which zeros are a value.
        let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
        let (size, address) = (size_of_val(&info), &raw mut info as usize);
        match request(libc::PTRACE_GET_SYSCALL_INFO, thread, size, address) {
            Ok(_) => Ok(Some(Self(info))),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set(&mut self, thread: libc::pid_t) -> Result<()> {
        let (size, address) = (size_of_val(&self.0), &raw mut self.0 as usize);
        request(libc::PTRACE_SET_SYSCALL_INFO, thread, size, address).map(drop)
    }

    fn moment(&self) -> Moment {
        match self.0.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: the kernel filled this member, as `op` says.
                let entry = unsafe { self.0.u.entry };
                Moment::Entry { number: entry.nr, arguments: entry.args }
            }
            // SAFETY: the same.
            libc::PTRACE_SYSCALL_INFO_EXIT => Moment::Exit { failed: unsafe { self.0.u.exit }.is_error != 0 },
            _ => Moment::Other,
        }
    }

    /// At an entry: the call does not take place.
    fn skip(&mut self, thread: libc::pid_t) -> Result<()> {
        self.0.u.entry.nr = u64::MAX;
        self.set(thread)
    }

    /// At an exit: the call returns this error.
    fn fail(&mut self, thread: libc::pid_t, code: libc::c_int) -> Result<()> {
        self.0.u.exit.sval = -i64::from(code);
        self.0.u.exit.is_error = 1;
        self.set(thread)
    }
}

/// The next of this thread's tracees that stops or ends, and its status; `ECHILD` when there is none left.
fn next_stop() -> Result<(libc::pid_t, libc::c_int)> {
    let mut status = 0;
    // SAFETY: the status is a live integer.
    let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    match thread {
        -1 => Err(Error::last_os_error()).or_else(|error: Error| match error.kind() {
            ErrorKind::Interrupted => next_stop(),
            _ => Err(error),
        }),
        _ => Ok((thread, status)),
    }
}

/// `ptrace`, with its error as a result.
fn request(request: libc::c_uint, thread: libc::pid_t, address: usize, data: usize) -> Result<libc::c_long> {
    // SAFETY: of the requests made here, only those of `Info` take an address of this process, and it is that
    // of a live structure of the size that they give.
    match unsafe { libc::ptrace(request, thread, address, data) } {
        -1 => Err(Error::last_os_error()),
        value => Ok(value),
    }
}
