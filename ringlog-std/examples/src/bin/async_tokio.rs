//! Awaits events in a task of tokio: those of a ring, as a thread writes them, and those of a log, as it grows.

use futures_core::Stream;
use ringlog::event::EventHeader;
use ringlog::ring::{AsyncConsumer, SpscRingBuffer};
use ringlog::storage::{LogFollower, LogStream, LogWriter};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

const EVENTS: u64 = 1_000;

/// The errors of tasks must be `Send`.
type TaskResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> TaskResult<()> {
    let folder = std::env::temp_dir().join(format!("ringlog-async-{}", std::process::id()));
    // `rt` and `time` are all that it needs of tokio. A runtime of several threads works as well.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;

    let (mut producer, consumer) = SpscRingBuffer::new(1024).split_async();
    // The thread that must not wait: it writes, and a task that sleeps is woken.
    let writer = std::thread::spawn(move || {
        for number in 0..EVENTS {
            while producer.write_event(&EventHeader::new(number, 1, 0), b"").is_err() {
                std::thread::yield_now(); // a lossy producer would count the event instead
            }
        }
    });

    std::fs::create_dir_all(&folder)?;
    let follower = LogFollower::open(&folder)?;
    let followed: TaskResult<u64> = runtime.block_on(async {
        let logging = tokio::spawn(log(consumer, LogWriter::open(&folder)?));
        let events = follower.into_stream(Duration::from_millis(5)).until_closed();
        let following = tokio::spawn(follow(events));
        logging.await??;
        following.await?
    });
    let followed = followed?;
    writer.join().map_err(|_| "the writing thread has panicked")?;

    println!("followed {followed} events");
    assert_eq!(followed, EVENTS);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Copies events from the ring into a log until the producer ends.
async fn log(mut events: AsyncConsumer, mut log: LogWriter) -> TaskResult<()> {
    let mut count = 0_u64;
    while let Some((header, payload)) = events.read_event().await {
        log.write_event(&header.as_user(), payload)?;
        count += 1;
        // Otherwise a producer that is faster than this task would keep other tasks from running.
        if count.is_multiple_of(128) {
            tokio::task::yield_now().await;
        }
    }
    log.close()?;
    Ok(())
}

/// Counts the events of a log until its writer closes it.
async fn follow(mut events: LogStream) -> TaskResult<u64> {
    let mut count = 0;
    // `StreamExt::next` of the crate `futures` or `tokio-stream` does the same.
    while let Some(event) = poll_fn(|context| Pin::new(&mut events).poll_next(context)).await {
        assert_eq!(event?.header.timestamp, count);
        count += 1;
    }
    Ok(count)
}
