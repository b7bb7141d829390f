//! Work on several shards of a batch at once, with results that do not depend on how many workers there are.
//!
//! In: items, and a function from an item to a result. Out: the results in the items' order. A worker is a
//! rayon pool of one thread, so that every operation inside it stays on that thread: on models of this size,
//! splitting a batch beats splitting each small operation, and does not collapse on a busy machine.
//!
//! Gradients are then summed in the items' order ([`sum_gradients`]). Bytes are the same for one worker and
//! for many as long as the items are the same: cut a batch by a setting, never by the number of workers.
//!
//! candle itself adds and multiplies larger tensors on a pool of its own, which all threads of a process
//! share, wait for in turn, and wait for by spinning. Workers then hold each other up, on a busy machine by a
//! factor of three. The variable [`CANDLE_THREADS_VARIABLE`], set to 1 before the first tensor is made, keeps
//! each of those operations on its caller's thread. Only a program's `main` can set it safely, while there is
//! one thread.
//!
//! Each call hands out its items and waits for them. How many results may wait for an earlier one is bounded, and for results
//! as large as a model ([`Workers::for_each_ordered_held`]) the caller sets the bound.

use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError, TryLockError};
use std::thread;

use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{ModelError, Result};
use crate::ops::{all_cpu_f32, f32_slice, kernels};

/// The environment variable from which candle takes the size of its own pool, once, at its first use. A
/// program that uses [`Workers`] sets it to 1 as the first thing in `main`.
pub const CANDLE_THREADS_VARIABLE: &str = "CANDLE_NUM_THREADS";

/// A fixed number of one-thread pools.
#[derive(Debug)]
pub struct Workers {
    pools: Vec<ThreadPool>,
}

impl Workers {
    /// `n_workers` workers, at least one.
    ///
    /// # Errors
    /// [`ModelError::Threads`] if the system gives no more threads.
    pub fn new(n_workers: usize) -> Result<Self> {
        // What is spread over all cores outside of a worker goes to rayon's own pool, which panics where it cannot be made.
        match ThreadPoolBuilder::new().build_global() {
            Err(error) if error.source().is_some() => return Err(error.into()),
            // It was there already.
            _ => {}
        }
        let pool = |worker: usize| {
            let name = move |_| format!("worker-{worker}");
            ThreadPoolBuilder::new().num_threads(1).thread_name(name).build()
        };
        let pools = (0..n_workers.max(1)).map(pool).collect::<Result<_, _>>()?;
        Ok(Self { pools })
    }

    /// How many small results may wait for an earlier one.
    pub fn n_held(&self) -> usize {
        WINDOW * self.count()
    }

    /// How many workers there are.
    pub fn count(&self) -> usize {
        self.pools.len()
    }

    /// `f` of every item; results in the items' order.
    ///
    /// # Errors
    /// The error of the first item, in order, that failed; [`ModelError::WorkerPanicked`] if it panicked.
    pub fn map_ordered<I, O, E>(
        &self,
        items: Vec<I>,
        f: impl Fn(I) -> Result<O, E> + Sync,
    ) -> Result<Vec<O>, E>
    where
        I: Send,
        O: Send,
        E: Send + From<ModelError>,
    {
        let mut outputs = Vec::with_capacity(items.len());
        self.for_each_ordered(items.into_iter().map(Ok), f, |output| {
            outputs.push(output);
            Ok(())
        })?;
        Ok(outputs)
    }

    /// `f` of every item on the workers, and `sink` of every result on the calling thread, in the items'
    /// order and as soon as the order allows. Items are taken from their source when there is room for them,
    /// so that neither they nor the results need all be held at once. After an error no further item is
    /// begun.
    ///
    /// # Errors
    /// The error of the first item, in order, that failed, of its source or of `sink`;
    /// [`ModelError::WorkerPanicked`] for a panic.
    pub fn for_each_ordered<I, O, E>(
        &self,
        items: impl IntoIterator<Item = Result<I, E>>,
        f: impl Fn(I) -> Result<O, E> + Sync,
        sink: impl FnMut(O) -> Result<(), E>,
    ) -> Result<(), E>
    where
        I: Send,
        O: Send,
        E: Send + From<ModelError>,
    {
        self.for_each_ordered_held(self.n_held(), items, f, sink)
    }

    /// [`Workers::for_each_ordered`] with at most `n_held` items, at least one, that are begun and whose results `sink` does not
    /// have yet: results in the making and those that wait for an earlier one. The bound changes no result and not their order.
    pub fn for_each_ordered_held<I, O, E>(
        &self,
        n_held: usize,
        items: impl IntoIterator<Item = Result<I, E>>,
        f: impl Fn(I) -> Result<O, E> + Sync,
        sink: impl FnMut(O) -> Result<(), E>,
    ) -> Result<(), E>
    where
        I: Send,
        O: Send,
        E: Send + From<ModelError>,
    {
        let serve = |inbox: &mut Inbox<'_, I, O, E>| {
            while let Some((index, item)) = inbox.take(true) {
                let result = f(item);
                inbox.give(index, result);
            }
            Ok(())
        };
        self.serve_ordered(n_held, items, serve, sink)
    }

    /// As [`Workers::for_each_ordered_held`], for work on several items at a time: every worker runs `serve`, which takes items as
    /// it has room for them and gives their results in any order, until there are no more.
    pub fn serve_ordered<I, O, E>(
        &self,
        n_held: usize,
        items: impl IntoIterator<Item = Result<I, E>>,
        serve: impl Fn(&mut Inbox<'_, I, O, E>) -> Result<(), E> + Sync,
        mut sink: impl FnMut(O) -> Result<(), E>,
    ) -> Result<(), E>
    where
        I: Send,
        O: Send,
        E: Send + From<ModelError>,
    {
        let is_stopped = AtomicBool::new(false);
        let (items_in, items_out) = mpsc::channel::<(usize, I)>();
        let items_out = Mutex::new(items_out);
        let (results_in, results_out) = mpsc::channel::<(Option<usize>, Result<O, E>)>();
        let work = |results: mpsc::Sender<(Option<usize>, Result<O, E>)>| {
            let mut inbox =
                Inbox { items: &items_out, results, is_stopped: &is_stopped, taken: BTreeSet::new() };
            let served = catch_unwind(AssertUnwindSafe(|| serve(&mut inbox))).unwrap_or_else(|panic| {
                let item = inbox.taken.first().copied().unwrap_or(0);
                Err(ModelError::panicked(item, &*panic).into())
            });
            if let Err(error) = served {
                // Without an item it is nobody's, and ends the work at once. It is there before the work is seen to have stopped.
                let _ = inbox.results.send((inbox.taken.first().copied(), Err(error)));
                is_stopped.store(true, Ordering::Release);
            }
        };
        thread::scope(|scope| {
            for pool in &self.pools {
                let (results, work) = (results_in.clone(), &work);
                let work = move || pool.install(|| work(results));
                thread::Builder::new().spawn_scoped(scope, work).map_err(ModelError::Thread)?;
            }
            drop(results_in);
            // Dropped at the end of this block, which ends the workers.
            let items_in = items_in;
            let mut items = items.into_iter();
            // Whether no item is left to be taken.
            let mut is_exhausted = false;
            let window = n_held.max(1);
            // Those begun and not delivered yet; the first of them has index `n_delivered`.
            let mut begun: VecDeque<Option<Result<O, E>>> = VecDeque::new();
            let mut n_delivered = 0;
            loop {
                is_exhausted |= is_stopped.load(Ordering::Acquire);
                while begun.len() < window && !is_exhausted {
                    let Some(item) = items.next() else {
                        is_exhausted = true;
                        break;
                    };
                    let index = n_delivered + begun.len();
                    begun.push_back(match item {
                        // The workers live as long as the sender does.
                        Ok(item) => items_in.send((index, item)).map_or(None, |()| None),
                        Err(error) => {
                            is_exhausted = true;
                            Some(Err(error))
                        }
                    });
                }
                while let Some(result) = begun.pop_front_if(|result| result.is_some()).flatten() {
                    n_delivered += 1;
                    if let Err(error) = result.and_then(&mut sink) {
                        is_stopped.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
                if begun.is_empty() {
                    if is_exhausted {
                        let of_nobody = results_out.try_iter().find(|(index, _)| index.is_none());
                        return of_nobody.map_or(Ok(()), |(_, result)| result.map(drop));
                    }
                    continue;
                }
                match results_out.recv() {
                    Ok((Some(index), result)) => begun[index - n_delivered] = Some(result),
                    Ok((None, result)) => return result.map(drop),
                    Err(_) => return Ok(()),
                }
            }
        })
    }
}

/// Where a worker takes items from and gives their results to; see [`Workers::serve_ordered`].
#[derive(Debug)]
pub struct Inbox<'a, I, O, E> {
    items: &'a Mutex<mpsc::Receiver<(usize, I)>>,
    /// With the item's number; none for an error that is no item's.
    results: mpsc::Sender<(Option<usize>, Result<O, E>)>,
    is_stopped: &'a AtomicBool,
    /// Items without a result.
    taken: BTreeSet<usize>,
}

impl<I, O, E> Inbox<'_, I, O, E> {
    /// The next item and its number; earlier ones are always taken first. None if there are no more; with `may_wait` false, also if
    /// there is none right now. Each item that was taken has to be given a result.
    pub fn take(&mut self, may_wait: bool) -> Option<(usize, I)> {
        let items = match may_wait {
            true => self.items.lock().unwrap_or_else(PoisonError::into_inner),
            // Another worker that holds the lock waits for an item.
            false => match self.items.try_lock() {
                Ok(items) => items,
                Err(TryLockError::Poisoned(items)) => items.into_inner(),
                Err(TryLockError::WouldBlock) => return None,
            },
        };
        // After an error no further item is begun.
        if self.is_stopped.load(Ordering::Relaxed) {
            return None;
        }
        let (index, item) = if may_wait { items.recv().ok()? } else { items.try_recv().ok()? };
        self.taken.insert(index);
        Some((index, item))
    }

    /// Gives the result of an item that was taken.
    pub fn give(&mut self, index: usize, result: Result<O, E>) {
        self.taken.remove(&index);
        if result.is_err() {
            self.is_stopped.store(true, Ordering::Relaxed);
        }
        // Nobody listens any more after an error.
        let _ = self.results.send((Some(index), result));
    }
}

/// How many sets of gradients `n_workers` workers may hold at once: one each, and one that waits, so that no worker stands still
/// because another is slow. A set is as large as the model.
pub fn gradient_sets(n_workers: usize) -> usize {
    n_workers.saturating_add(1)
}

/// Items of a worker that are held at once: enough that one that takes long does not make the others wait.
const WINDOW: usize = 16;

/// The sum of several shards' gradients, parameter by parameter, added from the first shard to the last.
///
/// # Errors
/// [`ModelError::GradientCount`] if the shards do not have the same number of gradients;
/// [`ModelError::Empty`] without a shard.
pub fn sum_gradients(shards: impl IntoIterator<Item = Vec<Tensor>>) -> Result<Vec<Tensor>> {
    let mut sum = GradientSum::default();
    shards.into_iter().try_for_each(|shard| sum.add(shard))?;
    sum.finish()
}

/// A running sum of gradients, for [`Workers::for_each_ordered_held`]. It holds one set: a shard's tensors go as soon as they are
/// added.
#[derive(Debug, Default)]
pub struct GradientSum {
    sums: Option<Vec<Tensor>>,
    /// Whether nobody else can have the sums' storage, as with a shard's own tensors.
    is_own: bool,
}

impl GradientSum {
    /// Adds a shard's gradients.
    ///
    /// # Errors
    /// [`ModelError::GradientCount`] if there are not as many as in the shard before.
    pub fn add(&mut self, shard: Vec<Tensor>) -> Result<()> {
        let Some(sums) = &mut self.sums else {
            self.sums = Some(shard);
            return Ok(());
        };
        if sums.len() != shard.len() {
            return Err(ModelError::GradientCount { expected: sums.len(), actual: shard.len() });
        }
        for (sum, grad) in sums.iter_mut().zip(shard) {
            match self.is_own && all_cpu_f32(&[sum, &grad]) {
                true => sum.inplace_op2(&grad.contiguous()?, &AddInPlace)?,
                false => *sum = (&*sum + grad)?,
            }
        }
        self.is_own = true;
        Ok(())
    }

    /// The sum.
    ///
    /// # Errors
    /// [`ModelError::Empty`] if nothing was added.
    pub fn finish(self) -> Result<Vec<Tensor>> {
        self.sums.ok_or(ModelError::Empty { what: "the sum of gradients" })
    }
}

/// `sum` += `grad`, f32 on the CPU.
struct AddInPlace;

impl InplaceOp2 for AddInPlace {
    fn name(&self) -> &'static str {
        "sum of gradients"
    }

    fn cpu_fwd(
        &self,
        sum: &mut CpuStorage,
        sum_layout: &Layout,
        grad: &CpuStorage,
        grad_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (CpuStorage::F32(sum), Some((start, end))) = (sum, sum_layout.contiguous_offsets()) else {
            candle_core::bail!("sum of gradients: not contiguous f32");
        };
        kernels::add_assign(&mut sum[start..end], f32_slice(self.name(), grad, grad_layout)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::tensor;
    use crate::ops::{linear, swiglu};
    use candle_core::Var;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    #[test]
    fn results_come_in_order_whoever_is_first() {
        for n_workers in [1, 2, 5] {
            let workers = Workers::new(n_workers).unwrap();
            let slow_start = |i: u64| -> Result<u64> {
                thread::sleep(Duration::from_millis(6 - i.min(6)));
                Ok(i * i)
            };
            assert_eq!(
                workers.map_ordered((0..9).collect(), slow_start).unwrap(),
                [0, 1, 4, 9, 16, 25, 36, 49, 64]
            );
            assert_eq!(workers.map_ordered(Vec::new(), slow_start).unwrap(), [0_u64; 0]);
        }
    }

    #[test]
    fn a_worker_has_one_thread() {
        let threads = |()| -> Result<usize> { Ok(rayon::current_num_threads()) };
        assert_eq!(Workers::new(2).unwrap().map_ordered(vec![(); 4], threads).unwrap(), [1; 4]);
        assert_eq!(Workers::new(0).unwrap().count(), 1);
    }

    #[test]
    fn a_panic_is_an_error_and_the_workers_live_on() {
        let workers = Workers::new(2).unwrap();
        let fails = |i: usize| -> Result<usize> {
            assert!(i != 3, "item {i} is bad");
            Ok(i)
        };
        let error = workers.map_ordered((0..6).collect(), fails).unwrap_err();
        assert!(
            matches!(&error, ModelError::WorkerPanicked { item: 3, message } if message == "item 3 is bad"),
            "{error}"
        );
        assert_eq!(workers.map_ordered(vec![7], fails).unwrap(), [7]);
    }

    #[test]
    fn the_first_error_in_order_wins_and_the_sink_saw_what_came_before() {
        let workers = Workers::new(3).unwrap();
        let mut seen = Vec::new();
        let fails = |i: usize| if i < 4 { Ok(i) } else { Err(ModelError::Empty { what: "item" }) };
        let result = workers.for_each_ordered((0..20).map(Ok), fails, |i| {
            seen.push(i);
            Ok(())
        });
        assert!(matches!(result, Err(ModelError::Empty { .. })));
        assert_eq!(seen, [0, 1, 2, 3]);
    }

    #[test]
    fn items_are_taken_only_when_there_is_room_and_their_source_may_fail() {
        let workers = Workers::new(2).unwrap();
        let (taken, delivered) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let source = (0..1000).map(|i| {
            taken.set(i + 1);
            assert!(taken.get() - delivered.get() <= 2 * WINDOW);
            if i < 500 { Ok(i) } else { Err(ModelError::Empty { what: "source" }) }
        });
        let result = workers.for_each_ordered(source, Ok, |i| {
            assert_eq!(i, delivered.replace(delivered.get() + 1));
            Ok(())
        });
        assert!(matches!(result, Err(ModelError::Empty { what: "source" })));
        assert_eq!((delivered.get(), taken.get()), (500, 501));
    }

    /// With a slow first item the others wait for it: no more of them than the bound allows, and none of them starves.
    #[test]
    fn results_that_wait_are_bounded() {
        for (n_workers, n_held) in [(1, 1), (2, 1), (2, 2), (2, 3), (4, 5)] {
            let workers = Workers::new(n_workers).unwrap();
            let (live, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let work = |i: u64| -> Result<u64> {
                most.fetch_max(live.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(if i.is_multiple_of(7) { 8 } else { 0 }));
                Ok(i)
            };
            let mut seen = Vec::new();
            let all = workers.for_each_ordered_held(n_held, (0..40).map(Ok), work, |i| {
                live.fetch_sub(1, Ordering::SeqCst);
                seen.push(i);
                Ok(())
            });
            all.unwrap();
            assert_eq!(seen, (0..40).collect::<Vec<_>>());
            assert!(most.into_inner() <= n_held, "{n_workers} workers, {n_held} held");
        }
    }

    #[test]
    fn a_sum_leaves_the_shards_as_they_were() {
        let shards: Vec<Tensor> = (0..4).map(|seed| tensor(&[5, 3], seed)).collect();
        let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let before: Vec<Vec<f32>> = shards.iter().map(numbers).collect();
        let sum = sum_gradients(shards.iter().map(|shard| vec![shard.clone(), shard.clone()])).unwrap();
        let expected: Vec<f32> =
            (0..15).map(|i| ((before[0][i] + before[1][i]) + before[2][i]) + before[3][i]).collect();
        assert!(sum.iter().all(|sum| numbers(sum) == expected));
        assert_eq!(shards.iter().map(numbers).collect::<Vec<_>>(), before);
        // A shard whose tensor is a view of another order.
        let views = (0..3).map(|seed| vec![tensor(&[3, 5], seed).t().unwrap()]);
        let views = numbers(&sum_gradients(views).unwrap()[0]);
        let columns = |seed| numbers(&tensor(&[3, 5], seed).t().unwrap());
        assert_eq!(views[7], (columns(0)[7] + columns(1)[7]) + columns(2)[7]);
    }

    #[test]
    fn gradients_have_the_same_bytes_for_any_number_of_workers() {
        let weight = Var::from_tensor(&tensor(&[96, 64], 1)).unwrap();
        let gradients = |n_workers: usize| {
            let shard = |seed: u64| -> Result<Vec<Tensor>> {
                let out = linear(&tensor(&[33, 64], seed), &weight, None)?;
                let grads = swiglu(&out, &out)?.sum_all()?.backward()?;
                Ok(vec![grads.get(&weight).unwrap().clone()])
            };
            let shards = Workers::new(n_workers).unwrap().map_ordered((10..17).collect(), shard).unwrap();
            sum_gradients(shards).unwrap().remove(0).to_vec2::<f32>().unwrap()
        };
        let one = gradients(1);
        assert!(one == gradients(2) && one == gradients(4));
    }

    #[test]
    fn sums_of_unlike_shards_are_refused() {
        let shards = [vec![tensor(&[2], 1)], vec![]];
        assert!(matches!(sum_gradients(shards), Err(ModelError::GradientCount { expected: 1, actual: 0 })));
        assert!(matches!(sum_gradients([]), Err(ModelError::Empty { .. })));
    }
}
