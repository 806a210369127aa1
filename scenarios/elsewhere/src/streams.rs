use tidemill_seam::{Broken, Clock, Duration, Heard, Instant, Stream, Streams};

use crate::{Act, Class, Here, Stage};

/// More than a window of any world.
const BULK: usize = 60_000;
/// Nobody waits longer for an answer.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

type StreamOf<H> = <<H as Here>::Streams as Streams>::Stream;

async fn open<H: Here>(here: &mut H, port: &mut H::Streams, to: H::Address) -> Result<StreamOf<H>, Broken> {
    let mut stream = port.connect(to);
    loop {
        let seen = here.epoch();
        if stream.is_open()? {
            return Ok(stream);
        }
        here.changed(seen, None).await;
    }
}

async fn accept<H: Here>(here: &mut H, port: &mut H::Streams) -> StreamOf<H> {
    loop {
        let seen = here.epoch();
        if let Some((stream, _)) = port.accept() {
            return stream;
        }
        here.changed(seen, None).await;
    }
}

/// What comes next; [`Heard::Nothing`] where that is not before `due`.
async fn hear<H: Here>(
    here: &mut H,
    stream: &mut impl Stream,
    buffer: &mut [u8],
    due: Option<Instant>,
) -> Result<Heard, Broken> {
    loop {
        let seen = here.epoch();
        let heard = stream.read(buffer)?;
        if heard != Heard::Nothing || due.is_some_and(|due| here.clock().now() >= due) {
            return Ok(heard);
        }
        here.changed(seen, due).await;
    }
}

/// Says all of it that is taken before `due`, and how much that was.
async fn say<H: Here>(
    here: &mut H,
    stream: &mut impl Stream,
    bytes: &[u8],
    due: Option<Instant>,
) -> Result<usize, Broken> {
    let mut taken = 0;
    while taken < bytes.len() && due.is_none_or(|due| here.clock().now() < due) {
        let seen = here.epoch();
        let more = stream.write(&bytes[taken..])?;
        taken += more;
        if more == 0 {
            here.changed(seen, due).await;
        }
    }
    Ok(taken)
}

fn soon<H: Here>(here: &H, span: Duration) -> Option<Instant> {
    Some(here.clock().now() + span)
}

fn class(result: Result<Class, Broken>) -> Class {
    result.unwrap_or_else(Class::from)
}

/// Says again what it hears, to one client after the other.
pub(crate) async fn echo<H: Here>(mut stage: Stage<H>) {
    let (mut port, at) = stage.here.streams().await;
    stage.board.server_is_at(at);
    loop {
        let (mut stream, mut buffer) = (accept(&mut stage.here, &mut port).await, [0; 1_000]);
        while let Ok(Heard::Bytes(len)) = hear(&mut stage.here, &mut stream, &mut buffer, None).await {
            if say(&mut stage.here, &mut stream, &buffer[..len], None).await.is_err() {
                break;
            }
        }
    }
}

/// Accepts and reads nothing.
pub(crate) async fn deaf<H: Here>(mut stage: Stage<H>) {
    let (mut port, at) = stage.here.streams().await;
    stage.board.server_is_at(at);
    let _stream = accept(&mut stage.here, &mut port).await;
    stage.idle().await;
}

/// Answers only to what has ended.
pub(crate) async fn answer<H: Here>(mut stage: Stage<H>) {
    let (mut port, at) = stage.here.streams().await;
    stage.board.server_is_at(at);
    let (mut stream, mut buffer) = (accept(&mut stage.here, &mut port).await, [0; 100]);
    while let Ok(heard) = hear(&mut stage.here, &mut stream, &mut buffer, None).await {
        if heard == Heard::End {
            let _ = say(&mut stage.here, &mut stream, b"answer", None).await;
            let _ = stream.finish();
            stage.idle().await;
        }
    }
}

/// Resets the first stream at its first byte.
pub(crate) async fn resets<H: Here>(mut stage: Stage<H>) {
    let (mut port, at) = stage.here.streams().await;
    stage.board.server_is_at(at);
    let mut stream = accept(&mut stage.here, &mut port).await;
    let _ = hear(&mut stage.here, &mut stream, &mut [0; 100], None).await;
    stream.reset();
    stage.idle().await;
}

pub(crate) async fn nobody_there<H: Here>(mut stage: Stage<H>) -> Class {
    let (mut port, _) = stage.here.streams().await;
    let nobody = H::nobody(stage.server().await);
    class(open(&mut stage.here, &mut port, nobody).await.map(|_| Class::Odd))
}

pub(crate) async fn hushed<H: Here>(mut stage: Stage<H>) -> Class {
    let (mut port, _) = stage.here.streams().await;
    stage.server().await;
    stage.act(Act::Hush).await;
    let silent = stage.server().await;
    class(open(&mut stage.here, &mut port, silent).await.map(|_| Class::Odd))
}

pub(crate) async fn bulk<H: Here>(stage: Stage<H>) -> Class {
    class(exchange(stage, BULK, None).await)
}

pub(crate) async fn cut_off<H: Here>(stage: Stage<H>) -> Class {
    class(exchange(stage, 100, Some(Act::Outage)).await)
}

/// So many bytes there and back, once the world has done something.
async fn exchange<H: Here>(mut stage: Stage<H>, len: usize, act: Option<Act>) -> Result<Class, Broken> {
    let (mut port, _) = stage.here.streams().await;
    let server = stage.server().await;
    let mut stream = open(&mut stage.here, &mut port, server).await?;
    if let Some(act) = act {
        stage.act(act).await;
    }
    echoed(&mut stage.here, &mut stream, len).await
}

async fn echoed<H: Here>(here: &mut H, stream: &mut StreamOf<H>, len: usize) -> Result<Class, Broken> {
    let sent: Vec<u8> = (0..len as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (mut taken, mut back, mut buffer) = (0, Vec::<u8>::new(), [0; 700]);
    while back.len() < len {
        taken += stream.write(&sent[taken..])?;
        let due = soon(here, ANSWER);
        match hear(here, stream, &mut buffer, due).await? {
            Heard::Bytes(len) => back.extend(&buffer[..len]),
            Heard::Nothing => return Ok(Class::Silence),
            Heard::End => return Ok(Class::End),
        }
    }
    Ok(if back == sent { Class::Delivered } else { Class::Garbled })
}

pub(crate) async fn half_close<H: Here>(stage: Stage<H>) -> Class {
    class(ask_and_finish(stage).await)
}

async fn ask_and_finish<H: Here>(mut stage: Stage<H>) -> Result<Class, Broken> {
    let (mut port, _) = stage.here.streams().await;
    let server = stage.server().await;
    let mut stream = open(&mut stage.here, &mut port, server).await?;
    say(&mut stage.here, &mut stream, b"question", None).await?;
    stream.finish()?;
    let (mut answer, mut buffer) = (Vec::<u8>::new(), [0; 100]);
    loop {
        let due = soon(&stage.here, ANSWER);
        match hear(&mut stage.here, &mut stream, &mut buffer, due).await? {
            Heard::Bytes(len) => answer.extend(&buffer[..len]),
            Heard::Nothing => return Ok(Class::Silence),
            Heard::End if answer == b"answer" => return Ok(Class::End),
            Heard::End => return Ok(Class::Garbled),
        }
    }
}

pub(crate) async fn reset_by_peer<H: Here>(stage: Stage<H>) -> Class {
    class(hear_it_break(stage, b"?", None).await)
}

pub(crate) async fn dies<H: Here>(stage: Stage<H>) -> Class {
    class(hear_it_break(stage, &[7; BULK], Some(Act::Crash)).await)
}

/// Says something, and waits for what becomes of the stream.
async fn hear_it_break<H: Here>(
    mut stage: Stage<H>,
    words: &[u8],
    act: Option<Act>,
) -> Result<Class, Broken> {
    let (mut port, _) = stage.here.streams().await;
    let server = stage.server().await;
    let mut stream = open(&mut stage.here, &mut port, server).await?;
    let due = soon(&stage.here, Duration::from_millis(300));
    say(&mut stage.here, &mut stream, words, due).await?;
    if let Some(act) = act {
        // What was said is to arrive first.
        stage.rest(Duration::from_millis(100)).await;
        stage.act(act).await;
    }
    let due = soon(&stage.here, ANSWER);
    Ok(match hear(&mut stage.here, &mut stream, &mut [0; 100], due).await? {
        Heard::Bytes(_) => Class::Garbled,
        Heard::Nothing => Class::Silence,
        Heard::End => Class::End,
    })
}

pub(crate) async fn restarted<H: Here>(stage: Stage<H>) -> Class {
    class(reach_again(stage).await)
}

async fn reach_again<H: Here>(mut stage: Stage<H>) -> Result<Class, Broken> {
    let (mut port, _) = stage.here.streams().await;
    let server = stage.server().await;
    let mut stream = open(&mut stage.here, &mut port, server).await?;
    if echoed(&mut stage.here, &mut stream, 100).await? != Class::Delivered {
        return Ok(Class::Odd);
    }
    stage.act(Act::Restart).await;
    stage.rest(Duration::from_millis(200)).await;
    let server = stage.server().await;
    let mut stream = open(&mut stage.here, &mut port, server).await?;
    echoed(&mut stage.here, &mut stream, 100).await
}
