//! The test that the README shows, word for word.

use tidemill_sim::{Duration, Env, LinkConfig, Rate, Sim, Tasks};

/// client ──▶ server      a ping is answered, although a third of all datagrams is lost
#[tidemill_sim::test(seeds = 200)]
fn a_ping_is_answered(sim: &mut Sim) {
    sim.links(LinkConfig { loss: Rate::percent(33), ..LinkConfig::default() });
    let (near, far) = (sim.machine("client"), sim.machine("server"));
    let server = sim.spawn_with(far, "echo", |seams| Box::new(Tasks::new(seams, echo)));
    sim.daemon(server);
    let to = sim.address(server);
    sim.spawn_with(near, "ping", move |seams| {
        Box::new(Tasks::new(seams, move |env| async move {
            while env.try_recv().is_none() {
                env.send(to, b"ping").unwrap();
                env.sleep(Duration::from_millis(50)).await;
            }
        }))
    });
    sim.run().expect_ok();
}

async fn echo(env: Env) {
    loop {
        let (from, bytes) = env.recv().await;
        env.send(from, &bytes).unwrap();
    }
}

#[test]
fn the_readme_shows_this_very_test() {
    let (_, shown) =
        include_str!("../../README.md").split_once("```rust\n").expect("the README shows a test");
    let (shown, _) = shown.split_once("```").expect("and ends it");
    assert!(include_str!("readme.rs").contains(shown), "README.md and sim/tests/readme.rs have parted");
}
