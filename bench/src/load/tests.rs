//! Loads on a server of a few lines, which does what a test wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Bearer, Call, Outcome, Plan, Script, Shape, Summary, Until, drive_on};

/// Asks so many times.
struct Times {
    calls: usize,
    asked: AtomicUsize,
}

impl Script for Times {
    fn next(&self, _connection: usize) -> Option<Call> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let call = Call::post("/x", Bearer::new("token").unwrap(), "{}");
        (turn < self.calls).then(|| call.tagged(turn as u64))
    }

    fn judge(&self, call: &Call, status: u16, body: &[u8]) -> Outcome {
        assert_eq!(body, b"ok");
        match status {
            201 if call.tag.is_multiple_of(2) => Outcome::Won,
            201 => Outcome::Refused,
            _ => Outcome::Failed,
        }
    }
}

#[tokio::test]
async fn a_closed_load_asks_until_the_script_is_at_its_end() {
    let shape = Shape::Closed { connections: 4 };
    let summary = load(shape, Until::Exhausted, 1000, Behaviour::default()).await;
    assert_eq!(summary.all.count, 1000);
    assert_eq!(summary.won_in_all(), 500);
    assert_eq!(summary.connection_errors, 0);
    assert!(summary.generator_cpu > Duration::ZERO);
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_counted_and_the_connection_opened_again() {
    let shape = Shape::Closed { connections: 2 };
    let hangs_up = Behaviour {
        answers_before_hanging_up: 10,
        ..Behaviour::default()
    };
    let summary = load(shape, Until::Exhausted, 100, hangs_up).await;
    assert_eq!(summary.all.count + summary.connection_errors, 100);
    assert!(
        summary.connection_errors >= 8,
        "{}",
        summary.connection_errors
    );
}

#[tokio::test]
async fn an_open_load_does_not_let_a_stalled_server_look_fast() {
    let shape = Shape::Open {
        per_second: 1000.0,
        connections: 1,
    };
    let stalls = Behaviour {
        stall: Duration::from_millis(300),
        ..Behaviour::default()
    };
    let until = Until::Elapsed(Duration::from_millis(600));
    let summary = load(shape, until, usize::MAX, stalls).await;
    // One request stalls; to a closed load only that one would look slow, but some 300 should have
    // been sent meanwhile, and they waited for 150 ms on average.
    let median = summary.all.quantile(0.5);
    assert!(median > Duration::from_millis(10), "{median:?}");
    assert!(summary.all.max() >= Duration::from_millis(300));
}

/// What the server does.
#[derive(Debug, Clone, Copy)]
struct Behaviour {
    /// How long the first answer on each connection takes.
    stall: Duration,
    answers_before_hanging_up: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            stall: Duration::ZERO,
            answers_before_hanging_up: usize::MAX,
        }
    }
}

async fn load(shape: Shape, until: Until, calls: usize, behaviour: Behaviour) -> Summary {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plan = Plan {
        base_url: format!("http://{}", listener.local_addr().unwrap()),
        shape,
        warm_up: Duration::ZERO,
        until,
        show_progress: false,
    };
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, behaviour));
        }
    });
    let script = Arc::new(Times {
        calls,
        asked: AtomicUsize::new(0),
    });
    let started = Instant::now();
    let summary = drive_on(2, &plan, script).await.unwrap();
    assert!(summary.elapsed <= started.elapsed());
    server.abort();
    summary
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour) {
    let mut buffer = [0; 4096];
    for answer in 0..=behaviour.answers_before_hanging_up {
        // A request is small enough to come in one piece.
        if !matches!(stream.read(&mut buffer).await, Ok(1..)) {
            return;
        }
        if answer == 0 {
            tokio::time::sleep(behaviour.stall).await;
        }
        if answer == behaviour.answers_before_hanging_up {
            return;
        }
        let text = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok";
        if stream.write_all(text).await.is_err() {
            return;
        }
    }
}
