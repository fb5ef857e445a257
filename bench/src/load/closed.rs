//! The closed load: a connection asks again as soon as it is answered.

use std::time::Instant;

use super::workers::Line;

/// Asks until the load is over or the script at its end.
pub async fn run(mut line: Line) {
    loop {
        let now = Instant::now();
        if line.go.is_over(now) {
            return;
        }
        let Some(call) = line.script.next(line.number) else {
            return;
        };
        line.ask(&call, now).await;
        line.mend().await;
    }
}
