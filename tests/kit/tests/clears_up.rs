//! A test process may end in any way: what it has started ends with it.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use kit::{RedisNode, eventually, secs};

#[tokio::test]
async fn a_test_process_killed_with_its_servers_running_leaves_nothing_behind() {
    let mut killed = Command::new(env::current_exe().expect("a program knows where it is"))
        .args(["--exact", "--ignored", "a_test_that_takes_long"])
        .env("HOLDFAST_TEST_SERVERS", "local")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a test can be started");
    let root = env::temp_dir().join(format!("holdfast-test-{}-0", killed.id()));

    let server = eventually(secs(30), async || {
        let started = fs::read_dir(root.join("processes"));
        let started = started.map_err(|error| error.to_string())?.next();
        let record = started.ok_or("nothing has started")?;
        record
            .map(|it| it.file_name())
            .map_err(|error| error.to_string())
    })
    .await;
    killed.kill().expect("a process can be killed");
    killed.wait().expect("a child can be waited for");

    let server = PathBuf::from("/proc").join(server).join("exe");
    eventually(secs(10), async || !root.exists() && !server.exists()).await;
}

#[tokio::test]
#[ignore = "run and killed by the test above"]
async fn a_test_that_takes_long() {
    let _node = RedisNode::start().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
}
