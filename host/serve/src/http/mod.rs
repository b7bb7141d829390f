//! The service over HTTP/1.1: connections, and how they end.
//!
//! In: a listener. Out: nothing, when the process is told to stop (SIGTERM, SIGINT): then no connection is
//! taken any more, requests in flight are answered, and the rest is cut off once the longest of them must be
//! over.
//!
//! A client that sends half a request, or does not read its answer, is cut off after
//! [`Options::patience`](crate::Options::patience); one connection more than may be waits outside.
//!
//! There is no HTTP/2; whoever needs it has a proxy.

mod body;
mod routes;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use self::routes::{Ends, respond};
use crate::client::Client;
use crate::service::{Service, Shared};

/// Threads that read requests and write answers. Grading has its own.
const IO_THREADS: usize = 2;
/// A pause where the system has no connection to give, such as one without free file descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// What an answer may take to be written after the last deadline.
const GRACE: Duration = Duration::from_secs(5);
/// Bytes that a connection reads ahead at most. A head must fit.
const READ_AHEAD: usize = 64 << 10;

/// Serves until the process is told to stop. `ready` is called with the address once connections are taken.
///
/// # Errors
///
/// The address cannot be listened at, or the system lacks threads or signals.
pub fn serve(service: &Service, address: SocketAddr, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(IO_THREADS).enable_all().build()?;
    let shared = Arc::clone(&service.shared);
    let served = runtime.block_on(async {
        let stop = stop_signal()?;
        let listener = TcpListener::bind(address).await?;
        ready(listener.local_addr()?);
        let grace = shared.options.deadline + shared.options.patience + GRACE;
        let graceful = Arc::new(GracefulShutdown::new());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&graceful), shared));
        stop.await;
        accepting.abort();
        // The listener is closed once the task is gone; its only result is that it was told to go.
        let _ = accepting.await;
        if let Some(graceful) = Arc::into_inner(graceful) {
            // Whoever is not done by then does not read.
            let _ = timeout(grace, graceful.shutdown()).await;
        }
        Ok(())
    });
    runtime.shutdown_background();
    served
}

async fn accept(listener: TcpListener, graceful: Arc<GracefulShutdown>, shared: Arc<Shared>) {
    let free = Arc::new(Semaphore::new(shared.options.max_connections.max(1)));
    for number in 0.. {
        // It is never closed.
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let (watcher, shared) = (graceful.watcher(), Arc::clone(&shared));
        tokio::spawn(async move {
            let client = Client::unnamed(peer.ip(), number);
            converse(stream, client, watcher, &shared).await;
            shared.queue.forget(client);
            drop(permit);
        });
    }
}

/// Serves one connection.
async fn converse(stream: TcpStream, client: Client, watcher: Watcher, shared: &Arc<Shared>) {
    // A connection that is gone already has no address.
    let Ok(local) = stream.local_addr() else { return };
    let ends = Ends { local: local.ip(), client };
    // An answer is written at once; without this it may wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let patience = shared.options.patience;
    let service = service_fn(move |request| respond(request, ends, Arc::clone(shared)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(READ_AHEAD)
        .serve_connection(TokioIo::new(impatient(stream, patience)), service);
    // A connection that broke has nobody to be told.
    let _ = watcher.watch(connection).await;
}

/// A stream whose writes fail where nothing was taken for so long: a client that never reads its answers
/// would hold its connection for ever. Reads have other bounds: hyper's for heads, and that of `routes` for
/// bodies.
fn impatient(stream: TcpStream, patience: Duration) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = Box::new(TimeoutStream::new(stream));
    stream.set_write_timeout(Some(patience));
    Box::into_pin(stream)
}

/// Resolves when the process is told to stop.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(std::future::poll_fn(move |context| {
        let told = terminate.poll_recv(context).is_ready() | interrupt.poll_recv(context).is_ready();
        if told { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    }))
}

/// Resolves when the process is told to stop.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Where there are no signals, ending the process is the only way.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWrite;

    use super::*;

    #[test]
    fn a_write_that_nobody_takes_fails() {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let _never_reads = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut stream = impatient(listener.accept().await.unwrap().0, Duration::from_millis(50));
            loop {
                let written =
                    std::future::poll_fn(|context| stream.as_mut().poll_write(context, &[0; 1 << 16]));
                if let Err(error) = written.await {
                    return error;
                }
            }
        });
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
