//! Processors that do not sleep.
//!
//! One that has slept takes tens of microseconds to wake, more where it is virtual. What comes alone meets
//! sleeping processors all along its way; what never waits for long does not.

use std::{
    fs::{File, OpenOptions},
    io::Write,
};

use anyhow::{Context, Result};

use super::Run;

/// While it is there, no processor sleeps
/// (<https://docs.kernel.org/power/pm_qos_interface.html>).
#[derive(Debug)]
#[must_use = "processors may sleep again when it is dropped"]
pub struct Awake {
    #[expect(dead_code, reason = "the wish holds as long as the file is open")]
    wish: File,
}

/// Takes how many microseconds a processor may need to wake.
const WISHES: &str = "/dev/cpu_dma_latency";

impl Awake {
    /// Keeps processors awake; an error where the system does not let us.
    pub fn keep() -> Result<Self> {
        let wish = OpenOptions::new().write(true).open(WISHES);
        let mut wish = wish.with_context(|| format!("failed to open {WISHES}"))?;
        let written = wish.write_all(&0_i32.to_ne_bytes());
        written.with_context(|| format!("failed to write to {WISHES}"))?;
        Ok(Self { wish })
    }

    /// Keeps them awake for a run that wants it.
    pub fn during(run: Run) -> Result<Option<Self>> {
        run.is_awake().then(Self::keep).transpose()
    }
}
